//! The lower bound of `bench/run`: hyper and tokio as préau uses them, and nothing else.
//!
//! Answers every request with the one answer of a file (fields, an empty line, the body), whatever was asked. What préau takes beyond this
//! server is its own work.
//!
//! ```sh
//! bare_hyper ADDR FILE
//! ```

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(addr), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare_hyper ADDR FILE".into());
    };
    let (fields, body) = read_answer(&std::fs::read(file)?)?;
    // The runtime that préau has: several threads if there are several cores.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&addr, fields, body))
}

/// Takes the file apart.
fn read_answer(file: &[u8]) -> Result<(HeaderMap, Bytes), Box<dyn Error>> {
    const END_OF_HEAD: &[u8] = b"\n\n";
    let end = file.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD).ok_or("the file has no empty line")?;
    let mut fields = HeaderMap::new();
    for line in std::str::from_utf8(&file[..end])?.lines() {
        let (name, value) = line.split_once(": ").ok_or("a line is no field")?;
        fields.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    Ok((fields, Bytes::copy_from_slice(&file[end + END_OF_HEAD.len()..])))
}

async fn serve(addr: &str, fields: HeaderMap, body: Bytes) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(addr).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (fields, body) = (fields.clone(), body.clone());
        tokio::spawn(async move {
            let service = service_fn(move |_| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = fields.clone();
                std::future::ready(Ok::<_, Infallible>(response))
            });
            // A client that leaves in the middle is no failure of a measurement that counts whole answers.
            let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
