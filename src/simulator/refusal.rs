//! The errors of the portal, with its status codes and its bodies.

use serde_json::{Value as Json, json};

use super::odsql::Fault;

/// Why the portal does not answer a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter of the wrong form or outside its bounds.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What was sent.
        found: String,
        /// What would be right, as the portal words it.
        expected: String,
    },
    /// A clause that cannot be read.
    Clause {
        /// The clause's parameter.
        clause: &'static str,
        /// Its text.
        text: String,
        /// What is wrong.
        fault: Fault,
    },
    /// A key that the portal does not know.
    UnknownKey,
    /// The records are not for this caller.
    Forbidden,
    /// A dataset, record, attachment… that is not there.
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A dataset that was told to answer so.
    Hidden {
        /// 401, 403, 404 or 410.
        status: u16,
        /// Its id.
        id: String,
    },
    /// A path that the portal does not have.
    NotFoundUri,
    /// A method that the path does not take.
    MethodNotAllowed,
    /// An endpoint of an older version.
    Gone,
}

impl Refusal {
    /// The status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Parameter { .. } | Self::Clause { .. } => 400,
            Self::UnknownKey => 401,
            Self::Forbidden => 403,
            Self::NotFound { .. } | Self::NotFoundUri => 404,
            Self::Hidden { status, .. } => *status,
            Self::MethodNotAllowed => 405,
            Self::Gone => 410,
        }
    }

    /// `error_code` and `message`.
    pub fn body(&self) -> Json {
        let (code, message) = match self {
            Self::Parameter { name, found, expected } => (
                "InvalidRESTParameterError",
                format!("Invalid value for {name} API parameter: {found} was found but {expected} is expected."),
            ),
            Self::Clause { clause, text, fault } => {
                let (code, message) = match fault {
                    Fault::Syntax { unexpected, position } => {
                        ("ODSQLSyntaxError", format!("ODSQL syntax exception: unexpected {unexpected} at position {position} in {text}."))
                    }
                    Fault::UnknownField(name) => ("ODSQLError", format!("ODSQL query is malformed: Unknown field: {name}.")),
                    Fault::Meaning(message) => ("ODSQLError", format!("ODSQL query is malformed: {message}.")),
                };
                (code, format!("{message} Clause(s) containing the error(s): {clause}."))
            }
            Self::UnknownKey => ("Unauthorized", "The provided API key is not valid.".to_owned()),
            Self::Forbidden => ("ForbiddenAccess", "You don't have permission to access the requested resource".to_owned()),
            Self::NotFound { what, id } => ("NotFoundResource", format!("The requested {what} {id} does not exist.")),
            Self::Hidden { status, id } => match status {
                401 => ("Unauthorized", "You must be authenticated to access the requested resource".to_owned()),
                403 => return Self::Forbidden.body(),
                410 => ("Gone", format!("The requested dataset {id} is gone.")),
                _ => return Self::NotFound { what: "dataset", id: id.clone() }.body(),
            },
            Self::NotFoundUri => ("NotFoundURI", "The requested URI does not exist.".to_owned()),
            Self::MethodNotAllowed => ("MethodNotAllowed", "The method is not allowed for the requested URL.".to_owned()),
            Self::Gone => ("Gone", "This endpoint no longer exists in this version of the API.".to_owned()),
        };
        json!({"error_code": code, "message": message})
    }

    /// The same, as v1 words it: in one member, `error`; that much is documented.
    pub fn body_v1(&self) -> Json {
        let message = match self {
            Self::Clause { clause, text, fault } => match fault {
                Fault::Syntax { unexpected, position } => {
                    format!("Invalid value for {clause}: unexpected {unexpected} at position {position} in {text}.")
                }
                Fault::UnknownField(name) => format!("Invalid value for {clause}: unknown field {name}."),
                Fault::Meaning(message) => format!("Invalid value for {clause}: {message}."),
            },
            _ => self.body()["message"].as_str().unwrap_or_default().to_owned(),
        };
        json!({"error": message})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_worded_as_recorded() {
        let limit = Refusal::Parameter { name: "limit", found: "99999".into(), expected: "-1 <= limit <= 100".into() };
        assert_eq!(limit.body()["message"], "Invalid value for limit API parameter: 99999 was found but -1 <= limit <= 100 is expected.");
        let syntax =
            Refusal::Clause { clause: "where", text: "BADSYNTAX((".into(), fault: Fault::Syntax { unexpected: "(".into(), position: 9 } };
        assert_eq!(
            syntax.body()["message"],
            "ODSQL syntax exception: unexpected ( at position 9 in BADSYNTAX((. Clause(s) containing the error(s): where."
        );
    }
}
