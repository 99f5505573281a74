// SPDX-License-Identifier: MIT
// Generates the service from bench/bench.proto, with `bytes` fields as bytes::Bytes (no copies).

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=../../bench.proto");
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .compile_protos(&["../../bench.proto"], &["../.."])
}
