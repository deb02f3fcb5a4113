//! Parsers and session by the clock, beside smtp-proto's: `cargo bench -p gatepost-smtp --bench speed`.

use criterion::{Criterion, Throughput};

#[path = "works.rs"]
mod works;

use works::{Side, WORKS, some_time};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let now = some_time();
    for work in WORKS {
        let input = work.input();
        let mut group = criterion.benchmark_group(work.name);
        group.throughput(Throughput::Bytes(u64::try_from(input.len()).unwrap_or_default()));
        for side in Side::ALL {
            group.bench_function(side.name(), |bencher| bencher.iter(|| work.run(side, &input, now)));
        }
        group.finish();
    }
    criterion.final_summary();
}
