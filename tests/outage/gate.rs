//! What stands between préau and the portal, and can be shut: then nobody listens at its address, or whoever does hangs up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// An address that leads to another, or nowhere.
pub struct Gate {
    pub addr: SocketAddr,
    to: SocketAddr,
    accepting: Option<JoinHandle<()>>,
    taken: Arc<AtomicU64>,
}

impl Gate {
    /// An open one that leads to `to`.
    pub async fn open(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let mut gate = Self { addr, to, accepting: None, taken: Arc::default() };
        gate.accept(listener, true);
        gate
    }

    /// Ends all connections; new ones are refused.
    pub async fn shut(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // With the task go its listener and its connections.
            let _ = accepting.await;
        }
    }

    /// Listens at the same address again.
    pub async fn reopen(&mut self) {
        self.accept(self.listener().await, true);
    }

    /// Ends all connections, and resets new ones as soon as they are there.
    pub async fn reset(&mut self) {
        self.shut().await;
        self.accept(self.listener().await, false);
    }

    async fn listener(&self) -> TcpListener {
        TcpListener::bind(self.addr).await.expect("nobody else has taken the port")
    }

    /// Connections that it has taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn accept(&mut self, listener: TcpListener, leads_on: bool) {
        let (to, taken) = (self.to, Arc::clone(&self.taken));
        self.accepting = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::Relaxed);
                if !leads_on {
                    near.set_zero_linger().expect("a socket option");
                    continue;
                }
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(to).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        }));
    }
}
