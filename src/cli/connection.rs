//! A connection over which a command asks as a client does.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Connects to `addr`. The connection lives as long as what is returned.
///
/// # Errors
///
/// If nobody answers there.
pub async fn to(addr: SocketAddr) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(TcpStream::connect(addr).await?)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
