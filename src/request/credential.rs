//! Whose rights a question is asked with: the portal's credentials, taken out of wherever a client put them.
//!
//! A credential decides what an answer may contain and whose quota pays for it, so it must never stay in a target,
//! where it would be keyed, logged and sent on as if it were a parameter. It is taken out here, before the query is
//! canonicalised, and travels as a header from then on.
//!
//! Parameter names have case: `APIKEY` is an unknown parameter, kept and keyed with its value like any other, so nobody
//! gets an answer by it who does not know the value; in logs it is hidden all the same ([`redacted`]). Keys of ours
//! (`X-Preau-Key`, Basic) are not the portal's: [`own_key`] says that there is one.

mod fingerprint;
mod own;
mod redaction;
#[cfg(test)]
mod tests;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

use crate::config::Secret;

use super::query::RawQuery;

pub use fingerprint::Fingerprint;
pub use own::is_own_key_in;
pub use redaction::redacted;

/// The parameter, in a query or a form, in which the portal takes a key.
const PARAMETER: &str = "apikey";

/// The field in which internal clients give a key of ours.
pub const OWN_KEY_FIELD: &str = "x-preau-key";

/// With whose rights the portal is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With nobody's in particular.
    Anonymous,
    /// With those of a key of the portal.
    Key(ApiKey),
    /// With those of something that we do not understand (`Bearer`, unknown schemes): passed on, its answers never
    /// stored nor shared.
    Opaque(Opaque),
}

/// A key of the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    key: Secret,
    fingerprint: Fingerprint,
}

/// A value of `Authorization`, as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Opaque(HeaderValue);

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opaque(…)")
    }
}

/// Why the credentials of a request cannot be used. All of them are the client's to mend: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialFault {
    /// Two credentials that differ.
    #[error("the request carries two different credentials; send one, in `Authorization: Apikey …` or as `apikey`")]
    Contradictory,
    /// More than one `Authorization` field.
    #[error("the request has several `Authorization` fields; send one")]
    Repeated,
    /// A credential without content.
    #[error("the credential is empty; give the key, or leave `apikey` and `Authorization` out to ask anonymously")]
    Empty,
    /// A key that no header field can carry.
    #[error("the key has characters that no key has; it is made of visible ASCII characters without spaces")]
    NotAKey,
    /// `apikey` beside a raw `;`, which some servers take for a separator and others for data.
    #[error("the parameters are separated by `;`, so it is not certain which of them is the key; separate them by `&`")]
    Ambiguous,
}

impl Credential {
    /// That of a key that is known to be one of the portal's, such as the organisation's own.
    ///
    /// # Errors
    ///
    /// [`CredentialFault::Empty`] and [`CredentialFault::NotAKey`].
    pub fn of_key(key: &Secret) -> Result<Self, CredentialFault> {
        ApiKey::new(key.expose()).map(Self::Key)
    }

    /// The value of `Authorization` to send, marked sensitive so that it prints nowhere.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let mut value = match self {
            Self::Anonymous => return None,
            Self::Key(key) => HeaderValue::from_str(&format!("Apikey {}", key.key.expose())).expect("a key is visible ASCII"),
            Self::Opaque(opaque) => opaque.0.clone(),
        };
        value.set_sensitive(true);
        Some(value)
    }

    /// What names the key without giving it away. Only a key has one.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Self::Key(key) => Some(&key.fingerprint),
            Self::Anonymous | Self::Opaque(_) => None,
        }
    }
}

impl ApiKey {
    fn new(key: &str) -> Result<Self, CredentialFault> {
        match key {
            "" => Err(CredentialFault::Empty),
            _ if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self { key: Secret::new(key), fingerprint: Fingerprint::of(key) }),
            _ => Err(CredentialFault::NotAKey),
        }
    }
}

/// Takes the portal's credential out of a request, wherever it is and however often it is repeated there.
///
/// A key of `same_as_anonymous` is dropped: what it unlocks, everybody may read. Two different keys are a fault even if
/// one of them is such a key, because nobody can say which one the portal would believe.
///
/// # Errors
///
/// [`CredentialFault`]; what was taken out by then stays out.
pub fn take(
    headers: &HeaderMap,
    query: &mut RawQuery,
    mut form: Option<&mut RawQuery>,
    same_as_anonymous: &[Secret],
) -> Result<Credential, CredentialFault> {
    let mut found = Vec::new();
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    if let Some(value) = lines.next() {
        if lines.next().is_some() {
            return Err(CredentialFault::Repeated);
        }
        found.extend(in_field(value)?);
    }
    for parameters in std::iter::once(query).chain(form.take()) {
        let undecided = parameters.has_semicolon();
        let keys = parameters.remove(PARAMETER);
        if undecided && !keys.is_empty() {
            return Err(CredentialFault::Ambiguous);
        }
        for key in keys {
            found.push(Credential::Key(ApiKey::new(&key)?));
        }
    }
    let mut found = found.into_iter();
    let credential = found.next().unwrap_or(Credential::Anonymous);
    if found.any(|other| other != credential) {
        return Err(CredentialFault::Contradictory);
    }
    match &credential {
        Credential::Key(key) if same_as_anonymous.contains(&key.key) => Ok(Credential::Anonymous),
        _ => Ok(credential),
    }
}

/// The portal's credential in a value of `Authorization`; `Basic` is ours.
fn in_field(value: &HeaderValue) -> Result<Option<Credential>, CredentialFault> {
    let bytes = value.as_bytes().trim_ascii();
    let (scheme, parameters) = match bytes.iter().position(|byte| *byte == b' ') {
        Some(space) => (&bytes[..space], bytes[space..].trim_ascii()),
        None => (bytes, &[][..]),
    };
    if scheme.is_empty() {
        Err(CredentialFault::Empty)
    } else if is_basic(scheme) {
        Ok(None)
    } else if scheme.eq_ignore_ascii_case(PARAMETER.as_bytes()) {
        let key = std::str::from_utf8(parameters).map_err(|_| CredentialFault::NotAKey)?;
        ApiKey::new(key).map(Credential::Key).map(Some)
    } else {
        Ok(Some(Credential::Opaque(Opaque(value.clone()))))
    }
}

/// Where a request carries a key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnKey {
    /// In `X-Preau-Key`.
    Field,
    /// In `Authorization: Basic …`, as `http://team:key@host/` makes curl send it.
    Basic,
}

/// Whether the request carries a key of ours, and where. It is never forwarded, so it is no credential of the portal.
pub fn own_key(headers: &HeaderMap) -> Option<OwnKey> {
    let scheme = |value: &HeaderValue| is_basic(value.as_bytes().trim_ascii().split(|byte| *byte == b' ').next().unwrap_or_default());
    if headers.contains_key(OWN_KEY_FIELD) {
        Some(OwnKey::Field)
    } else if headers.get_all(AUTHORIZATION).iter().any(scheme) {
        Some(OwnKey::Basic)
    } else {
        None
    }
}

fn is_basic(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"basic")
}
