// SPDX-License-Identifier: MIT
//! tonic-bench-server - bench.Echo on tonic, as a competent user of tonic writes it.
//!
//! One thread by default, like the servers it is compared with. Streams are plain iterators and
//! combinators, without a task or a channel between the generator and the transport.

use std::time::Duration;

use bytes::Bytes;
use tokio_stream::{wrappers::IntervalStream, Stream, StreamExt};
use tonic::transport::{server::TcpIncoming, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

mod pb {
    tonic::include_proto!("bench");
}
use pb::echo_server::{Echo, EchoServer};
use pb::{Rep, Req};

/// How Down with an interval waits: `Interval` is tokio's timer that keeps a schedule, `Throttle`
/// the combinator of tokio-stream, which waits anew after each message.
#[derive(Clone, Copy)]
enum Ticks {
    Interval,
    Throttle,
}

struct Bench {
    ticks: Ticks,
}

type Replies = std::pin::Pin<Box<dyn Stream<Item = Result<Rep, Status>> + Send>>;

fn tick(i: i32) -> Result<Rep, Status> {
    Ok(Rep { data: Bytes::from(format!("message_{i}")) })
}

#[tonic::async_trait]
impl Echo for Bench {
    async fn unary(&self, request: Request<Req>) -> Result<Response<Rep>, Status> {
        Ok(Response::new(Rep { data: request.into_inner().data }))
    }

    type DownStream = Replies;
    async fn down(&self, request: Request<Req>) -> Result<Response<Replies>, Status> {
        let req = request.into_inner();
        let count = req.count.max(0);
        if req.interval_ms <= 0 {
            let size = req.size.max(0) as usize;
            let replies = (0..count).map(move |_| Ok(Rep { data: Bytes::from(vec![b'x'; size]) }));
            return Ok(Response::new(Box::pin(tokio_stream::iter(replies))));
        }
        let interval = Duration::from_millis(req.interval_ms as u64);
        let replies: Replies = match self.ticks {
            Ticks::Interval => {
                let first = tokio::time::Instant::now() + interval;
                let timer = IntervalStream::new(tokio::time::interval_at(first, interval));
                let mut i = 0;
                let replies = timer.map(move |_| {
                    i += 1;
                    tick(i - 1)
                });
                Box::pin(replies.take(count as usize))
            }
            Ticks::Throttle => {
                Box::pin(tokio_stream::iter((0..count).map(tick)).throttle(interval))
            }
        };
        Ok(Response::new(replies))
    }

    async fn up(&self, request: Request<Streaming<Req>>) -> Result<Response<Rep>, Status> {
        let mut requests = request.into_inner();
        let mut total: u64 = 0;
        while let Some(req) = requests.message().await? {
            total += req.data.len() as u64;
        }
        Ok(Response::new(Rep { data: Bytes::from(total.to_string()) }))
    }

    type ChatStream = Replies;
    async fn chat(&self, request: Request<Streaming<Req>>) -> Result<Response<Replies>, Status> {
        let replies = request.into_inner().map(|req| req.map(|req| Rep { data: req.data }));
        Ok(Response::new(Box::pin(replies)))
    }
}

const USAGE: &str = "usage: tonic-bench-server --listen HOST:PORT [--threads N] \
[--ticks interval|throttle] [--tls-cert FILE --tls-key FILE]";

fn fail(why: impl std::fmt::Display) -> ! {
    eprintln!("tonic-bench-server: {why}");
    std::process::exit(2);
}

fn main() {
    let mut listen = String::from("127.0.0.1:0");
    let mut threads: usize = 1;
    let mut ticks = Ticks::Interval;
    let (mut certificate, mut key) = (None, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--help" {
            println!("{USAGE}");
            return;
        }
        let value = args.next().unwrap_or_else(|| fail(USAGE));
        match (arg.as_str(), value.as_str()) {
            ("--listen", _) => listen = value,
            ("--threads", _) => threads = value.parse().unwrap_or_else(|_| fail(USAGE)),
            ("--tls-cert", path) => certificate = Some(read(path)),
            ("--tls-key", path) => key = Some(read(path)),
            ("--ticks", "interval") => ticks = Ticks::Interval,
            ("--ticks", "throttle") => ticks = Ticks::Throttle,
            _ => fail(USAGE),
        }
    }
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    let runtime = builder.enable_all().build().unwrap_or_else(|why| fail(why));
    let identity = certificate.zip(key).map(|(own, key)| Identity::from_pem(own, key));
    runtime.block_on(serve(listen, ticks, identity));
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|why| fail(format!("{path}: {why}")))
}

async fn serve(listen: String, ticks: Ticks, identity: Option<Identity>) {
    let address = listen.parse().unwrap_or_else(|why| fail(why));
    let incoming = TcpIncoming::bind(address)
        .unwrap_or_else(|why| fail(why))
        .with_nodelay(Some(true));
    println!("listening on {}", incoming.local_addr().unwrap_or_else(|why| fail(why)));
    let mut builder = Server::builder();
    if let Some(identity) = identity {
        let tls = ServerTlsConfig::new().identity(identity);
        builder = builder.tls_config(tls).unwrap_or_else(|why| fail(why));
    }
    builder
        .add_service(EchoServer::new(Bench { ticks }))
        .serve_with_incoming(incoming)
        .await
        .unwrap_or_else(|why| fail(why));
}
