//! Clients that keep their connections: a day of requests would otherwise be a day of handshakes.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use ::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::http::{Answer, PATIENCE};

/// Connections to one address, as many as there are requests at once.
pub struct Clients {
    to: SocketAddr,
    fields: HeaderMap,
    idle: Mutex<Vec<SendRequest<Empty<Bytes>>>>,
}

impl Clients {
    /// Clients of `to`, which send `fields` with every request.
    pub fn of(to: SocketAddr, fields: &[(&'static str, String)]) -> Self {
        let mut all = HeaderMap::new();
        all.insert("host", to.to_string().parse().expect("an address is a field's value"));
        for (name, value) in fields {
            all.insert(*name, value.parse().expect("a test's fields are right"));
        }
        Self { to, fields: all, idle: Mutex::default() }
    }

    /// `GET target`, read to its end.
    pub async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target).await
    }

    /// A request without a body; panics if the connection breaks.
    pub async fn send(&self, method: Method, target: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(target).body(Empty::new()).expect("a target");
        request.headers_mut().clone_from(&self.fields);
        let exchange = async {
            let mut connection = self.connection().await;
            let (head, body) = connection.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            self.idle().push(connection);
            Ok::<_, hyper::Error>(Answer { status: head.status, fields: head.headers, body })
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{target} hangs"));
        answer.unwrap_or_else(|error| panic!("{target}: {error:?}"))
    }

    /// The connection that was used last, if it is of use, else a new one.
    async fn connection(&self) -> SendRequest<Empty<Bytes>> {
        loop {
            let idle = self.idle().pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return connection;
            }
        }
        let stream = TcpStream::connect(self.to).await.expect("somebody listens");
        stream.set_nodelay(true).expect("a socket option");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        sender
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Empty<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
