//! Where warnings are sent besides the log: one POST of JSON each, tried once.
//!
//! The address is a secret, because whoever knows it can post there: it is never printed.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use url::Url;

use super::warnings::Warning;
use crate::config::{self, Secret};
use crate::origin;

/// How long it may take. A stop of the server waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a webhook cannot be used. Says nothing of its address.
#[derive(Debug, thiserror::Error)]
pub enum WebhookFault {
    /// It is no address.
    #[error("the webhook is not an http or https address")]
    Address,
    /// It cannot be reached as configured.
    #[error("the webhook: {0}")]
    Client(#[from] origin::BuildError),
}

/// The webhook. Clones share connections.
#[derive(Clone)]
pub struct Webhook {
    http: reqwest::Client,
    url: Url,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(…)")
    }
}

impl Webhook {
    /// The webhook at `address`, which is reached as portals are: with the same authorities and proxies. Opens no connection.
    ///
    /// # Errors
    ///
    /// If it cannot be an address, or `origin` cannot be followed.
    pub fn new(address: &Secret, origin: &config::Origin) -> Result<Self, WebhookFault> {
        let url = Url::parse(address.expose()).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(WebhookFault::Address)?;
        let builder = origin::plain(&url, origin)?.pool_max_idle_per_host(0).timeout(PATIENCE);
        Ok(Self { http: builder.build().map_err(origin::BuildError::client)?, url })
    }

    /// Sends a warning, once. What goes wrong is said in the log, without the address.
    pub async fn send(self, warning: Warning) {
        let body = match serde_json::to_vec(&warning) {
            Ok(body) => body,
            Err(error) => return tracing::warn!(%error, "a warning could not be written for the webhook"),
        };
        match self.http.post(self.url).header(CONTENT_TYPE, "application/json").body(body).send().await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the webhook did not take a warning"),
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(error = %why(&error), "the webhook could not be reached with a warning");
            }
        }
    }
}

/// What is wrong in one word: the error's own text and its sources may repeat the address.
fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "there is no connection"
    } else {
        "the connection broke"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Overrides};

    #[test]
    fn an_address_that_is_none_is_a_fault_and_no_address_is_printed() {
        let origin = Config::load(&Overrides::default(), &Environment::default()).unwrap().origin;
        for address in ["", "hooks.example/s3cret", "ftp://hooks.example/s3cret"] {
            let fault = Webhook::new(&Secret::new(address), &origin).unwrap_err();
            assert!(matches!(fault, WebhookFault::Address) && !fault.to_string().contains("s3cret"), "{fault}");
        }
        let webhook = Webhook::new(&Secret::new("http://hooks.example/s3cret"), &origin).unwrap();
        assert_eq!(format!("{webhook:?}"), "Webhook(…)");
    }
}
