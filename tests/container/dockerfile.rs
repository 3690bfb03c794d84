//! As much of a Dockerfile's syntax as ours uses: instructions over continued lines, stages, and the exec form.

use std::collections::BTreeMap;

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Its keyword, in capitals.
    pub keyword: String,
    /// The rest, on one line.
    pub rest: String,
}

/// One stage: `FROM` and what follows.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its instructions, `FROM` first.
    pub instructions: Vec<Instruction>,
}

/// Takes `text` apart into stages.
pub fn stages(text: &str) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in instructions(text) {
        if instruction.keyword == "FROM" {
            stages.push(Stage { instructions: Vec::new() });
        }
        let stage = stages.last_mut().expect("FROM comes first");
        stage.instructions.push(instruction);
    }
    stages
}

fn instructions(text: &str) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
            continue;
        }
        open.push_str(line);
        let (keyword, rest) = open.split_once(' ').expect("an instruction has arguments");
        instructions.push(Instruction { keyword: keyword.to_ascii_uppercase(), rest: rest.trim().to_owned() });
        open.clear();
    }
    assert!(open.is_empty(), "the last line is continued: {open}");
    instructions
}

impl Stage {
    /// The rest of each instruction with this keyword.
    pub fn all(&self, keyword: &'static str) -> impl Iterator<Item = &str> {
        self.instructions.iter().filter(move |instruction| instruction.keyword == keyword).map(|instruction| instruction.rest.as_str())
    }

    /// The rest of the one instruction with this keyword that is in force: the last.
    pub fn last(&self, keyword: &'static str) -> &str {
        self.all(keyword).last().unwrap_or_else(|| panic!("the stage has no {keyword}"))
    }

    /// Where an instruction stands that `matches`.
    pub fn position(&self, matches: impl Fn(&Instruction) -> bool) -> usize {
        self.instructions.iter().position(matches).expect("the stage has this instruction")
    }

    /// The variables of its `ENV` instructions.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let pairs = self.all("ENV").flat_map(str::split_whitespace);
        pairs.map(|pair| pair.split_once('=').expect("ENV is written NAME=value")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    /// The command line of the image: `ENTRYPOINT`, then `CMD`, both in exec form.
    pub fn command_line(&self) -> Vec<String> {
        [exec_form(self.last("ENTRYPOINT")), exec_form(self.last("CMD"))].concat()
    }
}

/// The words of an exec form. A shell form fails: there is no shell in the image.
pub fn exec_form(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text} is not in exec form: {error}"))
}
