//! Peers that hold connections and have nothing to deliver; also for `examples/flood.rs`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// HTTP/2's first words, a `GET /healthz`, and nothing more.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
    \0\0\x17\x01\x05\0\0\0\x01\x82\x86\x04\x08/healthz\x01\x09localhost";

/// What a hostile peer does with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Timeout,
    HalfAHead,
    Trickles,
    KeepsOpen,
    Http2,
    NeverReads,
    BodyWithoutKey,
}

/// All of them.
pub(crate) const KINDS: [Kind; 7] = [
    Kind::Timeout,
    Kind::HalfAHead,
    Kind::Trickles,
    Kind::KeepsOpen,
    Kind::Http2,
    Kind::NeverReads,
    Kind::BodyWithoutKey,
];

/// Connects from an address of this machine's own network.
pub(crate) async fn connect(from: u8, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind((Ipv4Addr::new(127, 0, 0, from), 0).into())?;
    socket.connect(to).await
}

/// Speaks HTTP/2 and answers every PING, and asks for nothing more; the kinds of frames it was sent
/// until the connection ended.
pub(crate) async fn idles(mut stream: TcpStream) -> Vec<u8> {
    let mut kinds = Vec::new();
    // However it ends, it has ended.
    answers_pings(&mut stream, &mut kinds).await.ok();
    kinds
}

async fn answers_pings(stream: &mut TcpStream, kinds: &mut Vec<u8>) -> io::Result<()> {
    const PING: u8 = 6;
    const ACK: u8 = 1;
    stream.write_all(HTTP_2).await?;
    loop {
        let length = u64::from(stream.read_u16().await?) << 8 | u64::from(stream.read_u8().await?);
        let (kind, flags) = (stream.read_u8().await?, stream.read_u8().await?);
        let id = stream.read_u32().await?;
        let mut body = Vec::new();
        (&mut *stream).take(length).read_to_end(&mut body).await?;
        kinds.push(kind);
        if kind == PING && flags & ACK == 0 {
            let mut answer = vec![0, 0, 8, PING, ACK];
            answer.extend(id.to_be_bytes());
            answer.extend(body);
            stream.write_all(&answer).await?;
        }
    }
}

impl Kind {
    /// Does so until the connection ends.
    async fn act(self, from: u8, to: SocketAddr) -> io::Result<()> {
        const GET: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut stream = connect(from, to).await?;
        let words: Vec<u8> = match self {
            Self::Timeout => Vec::new(),
            Self::HalfAHead | Self::Trickles => {
                b"POST /events/alerts HTTP/1.1\r\nhost: a\r\nx: ".to_vec()
            }
            Self::KeepsOpen => GET.into(),
            Self::Http2 => {
                idles(stream).await;
                return Ok(());
            }
            Self::NeverReads => GET.repeat(500).into(),
            Self::BodyWithoutKey => {
                b"POST /events/nobody HTTP/1.1\r\nhost: a\r\ncontent-length: 60000\r\n\r\n{"
                    .to_vec()
            }
        };
        stream.write_all(&words).await?;
        match self {
            Self::NeverReads => loop {
                stream.write_all(&words).await?;
            },
            Self::Trickles => loop {
                let mut heard = [0; 64];
                match timeout(Duration::from_millis(200), stream.read(&mut heard)).await {
                    Ok(Ok(0)) => return Ok(()),
                    Ok(heard) => drop(heard?),
                    Err(_) => stream.write_all(b"a").await?,
                }
            },
            _ => {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).await? > 0 {}
                Ok(())
            }
        }
    }
}

/// So many peers from these addresses, which come back whenever they are sent away.
pub(crate) fn hostile(kinds: &[Kind], many: usize, addresses: u8, to: SocketAddr) -> JoinSet<()> {
    let mut peers = JoinSet::new();
    let whats = kinds.iter().copied().cycle();
    let froms = (1..=addresses).cycle();
    for (kind, from) in whats.zip(froms).take(many) {
        peers.spawn(async move {
            loop {
                if kind.act(from, to).await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    peers
}
