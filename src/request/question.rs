//! A client's request, understood: what is asked, in which language, with which credential, and under which key the answer is found.
//!
//! The path is classified, the credential is taken out, the query is canonicalised, and only then is there a key. Everything that goes to
//! the portal is made from this and from nothing else of the request.

use bytes::Bytes;
use http::header::ACCEPT_LANGUAGE;
use http::{HeaderMap, Method};

use crate::cache::key::{CacheKey, Partition};
use crate::config::Secret;
use crate::request::credential::{self, Credential, CredentialFault};
use crate::request::endpoint::{self, Endpoint, NotMirrored, PathFault};
use crate::request::language::{self, Language};
use crate::request::query::{self, Canonical, QueryFault, RawQuery, RuleSwitches};
use crate::request::selected_fields::SelectedFields;

/// One question to the portal.
#[derive(Clone, Debug)]
pub struct Question {
    /// GET, or POST where that reads. A HEAD asks the question of its GET.
    pub method: Method,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Its parameters, in the one spelling.
    pub query: Canonical,
    /// The language that the client prefers among the portal's.
    pub language: Option<Language>,
    /// The portal's credential that came with it.
    pub credential: Credential,
    /// What else of the client's fields goes to the portal.
    pub fields: SelectedFields,
    /// The body of a POST, without credentials.
    pub body: Option<Bytes>,
    /// The name of the answer, if it may be shared and stored: that of reading. What a key unlocked is shared and stored among those who hold that
    /// key; what something that is no key may have unlocked has no name.
    pub key: Option<CacheKey>,
}

/// What a request turns out to be.
#[derive(Debug)]
pub enum Understood {
    /// A question that is answered here.
    Question(Box<Question>),
    /// A page of the portal that is not mirrored.
    Elsewhere,
}

/// Why a request is no question. All of it is the client's to mend.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The path cannot be a path of the portal.
    #[error(transparent)]
    Path(#[from] PathFault),
    /// The query, or a form in the body, cannot be read.
    #[error(transparent)]
    Query(#[from] QueryFault),
    /// A form that is not text.
    #[error("the form in the body is not UTF-8")]
    Form,
    /// The portal's credentials contradict one another.
    #[error(transparent)]
    Credential(#[from] CredentialFault),
    /// Inside `/api/`, but nothing that the portal has or that is mirrored.
    #[error("the requested URI does not exist")]
    UnknownUri,
    /// The method is none that the endpoint has.
    #[error("this endpoint takes {allow}")]
    Method {
        /// The methods that would do.
        allow: &'static str,
    },
}

/// What is read of a request.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The portal's name.
    pub portal: &'a str,
    /// The portal's origin.
    pub origin: &'a str,
    /// Its keys that count as none.
    pub same_as_anonymous: &'a [Secret],
    /// Any.
    pub method: &'a Method,
    /// As received, without the portal's prefix.
    pub path: &'a str,
    /// As received.
    pub query: &'a str,
    /// All fields.
    pub fields: &'a HeaderMap,
    /// The body of a POST.
    pub content: Option<Bytes>,
    /// Whether the body is a form, which may carry parameters of the query, the credential among them.
    pub is_form: bool,
}

impl Question {
    /// Understands a request.
    ///
    /// # Errors
    ///
    /// [`Fault`], the first that is met.
    pub fn understand(asked: Asked<'_>, rules: &RuleSwitches) -> Result<Understood, Fault> {
        let endpoint = match endpoint::classify(asked.path) {
            Ok(endpoint) => endpoint,
            Err(NotMirrored::Malformed(fault)) => return Err(fault.into()),
            Err(NotMirrored::UnknownUri) => return Err(Fault::UnknownUri),
            Err(NotMirrored::Elsewhere) => return Ok(Understood::Elsewhere),
        };
        if !endpoint.allows(asked.method) {
            return Err(Fault::Method { allow: endpoint.allowed_methods() });
        }
        let mut raw = RawQuery::parse(asked.query)?;
        let mut form = asked.content.as_deref().filter(|_| asked.is_form).map(form_of).transpose()?;
        let credential = credential::take(asked.fields, &mut raw, form.as_mut(), asked.same_as_anonymous)?;
        let query = query::canonicalise(&endpoint, raw, rules)?;
        let language = query.language(language::preferred(asked.fields.get_all(ACCEPT_LANGUAGE)));
        let method = if asked.method == Method::HEAD { Method::GET } else { asked.method.clone() };
        let fields = SelectedFields::select(&endpoint, method == Method::POST, asked.fields);
        let body = form.map(|form| Bytes::from(form.to_text())).or(asked.content);
        let question = Self { method, endpoint, query, language, credential: Credential::Anonymous, fields, body, key: None };
        Ok(Understood::Question(Box::new(question.asked_with(credential, asked.portal, asked.origin))))
    }

    /// The same question, asked with other rights, of the portal called `portal` at `origin`.
    #[must_use]
    pub fn asked_with(self, credential: Credential, portal: &str, origin: &str) -> Self {
        let partition = Partition::of(&credential).filter(|_| self.method == Method::GET);
        let key = partition.map(|partition| {
            let selected: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            CacheKey::new(portal, origin, &partition, &self.endpoint, &self.query.query, self.language, &selected)
        });
        Self { credential, key, ..self }
    }

    /// Whether it carries a credential of the portal: then its answer is not everybody's.
    pub fn is_keyed(&self) -> bool {
        !matches!(self.credential, Credential::Anonymous)
    }
}

fn form_of(content: &[u8]) -> Result<RawQuery, Fault> {
    let text = std::str::from_utf8(content).map_err(|_| Fault::Form)?;
    Ok(RawQuery::parse(text)?)
}
