//! Which of all service tags hold one address: the index beside a linear scan and the prefix-trie crate,
//! in one run, so that the ratios hold on any machine.
//!
//! `cargo bench --bench sets` reads Microsoft's weekly file from `../shared/data`, or from the folder that
//! `DOORWARD_DATA` names, and prints a table. All three must agree before anything is measured.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use doorward::config::read_text;
use doorward_core::sets::sources::service_tags::ServiceTags;
use doorward_core::sets::{Index, parse_cidr};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many addresses are looked up in a round.
const PROBES: usize = 1 << 18;
/// How many of these the linear scan is asked; it is slow.
const FEW: usize = 64;
/// The best of so many rounds counts.
const ROUNDS: usize = 7;

fn main() {
    let Some(file) = real_file() else {
        println!(
            "skipped: no ServiceTags_*.json in ../shared/data; set DOORWARD_DATA to its folder"
        );
        return;
    };
    let tags = ServiceTags::parse(&read_text(&file).unwrap()).unwrap();
    let prefixes: Vec<(IpNet, u32)> = tags
        .values
        .iter()
        .zip(0..)
        .flat_map(|(tag, number)| {
            let prefixes = tag.properties.address_prefixes.iter();
            prefixes.map(move |prefix| (parse_cidr(prefix).unwrap(), number))
        })
        .collect();
    println!(
        "{} prefixes of {} tags; each line is the best of {ROUNDS} rounds\n",
        prefixes.len(),
        tags.values.len()
    );
    let started = Instant::now();
    let index = Index::new(prefixes.iter().copied());
    let built = started.elapsed();
    let started = Instant::now();
    let trie = Trie::new(&prefixes);
    let trie_built = started.elapsed();

    let probes = probes(&prefixes);
    agree(&prefixes, &index, &trie, &probes);
    println!(
        "built in: index {:.1} ms, prefix-trie {:.1} ms",
        built.as_secs_f64() * 1e3,
        trie_built.as_secs_f64() * 1e3
    );
    println!(
        "memory: index {:.2} MiB, prefix-trie {:.2} MiB\n",
        mib(index.bytes()),
        mib(trie.bytes())
    );
    println!(
        "{:<8} {:>12} {:>12} {:>14} {:>14}",
        "", "index", "prefix-trie", "trie / index", "scan / index"
    );
    let v4: Vec<IpAddr> = probes.iter().copied().filter(IpAddr::is_ipv4).collect();
    let v6: Vec<IpAddr> = probes.iter().copied().filter(IpAddr::is_ipv6).collect();
    for (name, probes) in [("IPv4", &v4), ("IPv6", &v6), ("mixed", &probes)] {
        let ours = best(probes, |address| index.holding(address).len());
        let theirs = best(probes, |address| trie.holding(address));
        let few = probes.get(..FEW).unwrap_or_default();
        let scan = best(few, |address| scan(&prefixes, address));
        println!(
            "{name:<8} {ours:>9.1} ns {theirs:>9.1} ns {:>13.1}x {:>13.0}x",
            theirs / ours,
            scan / ours
        );
    }
}

fn mib(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / f64::from(1 << 20)
}

/// Nanoseconds for one address. What is found is added up, so that every list is really looked at.
fn best(probes: &[IpAddr], held: impl Fn(IpAddr) -> usize) -> f64 {
    let round = || {
        let started = Instant::now();
        let mut sum = 0;
        for probe in probes {
            sum += held(black_box(*probe));
        }
        black_box(sum);
        started.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(probes.len()).unwrap())
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn scan(prefixes: &[(IpNet, u32)], address: IpAddr) -> usize {
    prefixes
        .iter()
        .filter(|(net, _)| net.contains(&address))
        .count()
}

/// The published trie: each prefix with the list of its tags, all prefixes that cover an address.
struct Trie {
    v4: PrefixMap<Ipv4Net, Vec<u32>>,
    v6: PrefixMap<Ipv6Net, Vec<u32>>,
}

impl Trie {
    fn new(prefixes: &[(IpNet, u32)]) -> Self {
        let (mut v4, mut v6) = (
            PrefixMap::<Ipv4Net, Vec<u32>>::new(),
            PrefixMap::<Ipv6Net, Vec<u32>>::new(),
        );
        for (net, tag) in prefixes {
            match net {
                IpNet::V4(net) => v4.entry(*net).or_default().push(*tag),
                IpNet::V6(net) => v6.entry(*net).or_default().push(*tag),
            }
        }
        Self { v4, v6 }
    }

    fn holding(&self, address: IpAddr) -> usize {
        match address {
            IpAddr::V4(address) => self.v4.cover_values(&address.into()).map(Vec::len).sum(),
            IpAddr::V6(address) => self.v6.cover_values(&address.into()).map(Vec::len).sum(),
        }
    }

    fn list(&self, address: IpAddr) -> Vec<u32> {
        let mut list: Vec<u32> = match address {
            IpAddr::V4(address) => self
                .v4
                .cover_values(&address.into())
                .flatten()
                .copied()
                .collect(),
            IpAddr::V6(address) => self
                .v6
                .cover_values(&address.into())
                .flatten()
                .copied()
                .collect(),
        };
        list.sort_unstable();
        list.dedup();
        list
    }

    fn bytes(&self) -> usize {
        let lists = self.v4.values().chain(self.v6.values());
        let lists: usize = lists.map(|list| list.capacity() * size_of::<u32>()).sum();
        self.v4.mem_size() + self.v6.mem_size() + lists
    }
}

/// All three say the same.
fn agree(prefixes: &[(IpNet, u32)], index: &Index, trie: &Trie, probes: &[IpAddr]) {
    for probe in probes {
        assert_eq!(index.holding(*probe), trie.list(*probe), "{probe}");
    }
    for probe in probes.iter().take(FEW) {
        let held = prefixes.iter().filter(|(net, _)| net.contains(probe));
        let mut held: Vec<u32> = held.map(|(_, tag)| *tag).collect();
        held.sort_unstable();
        held.dedup();
        assert_eq!(index.holding(*probe), held, "{probe}");
    }
}

/// Addresses in the prefixes of the file, and one in eight from anywhere; the same each time.
fn probes(prefixes: &[(IpNet, u32)]) -> Vec<IpAddr> {
    let mut state = 7_u64;
    let mut roll = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let count = prefixes.len() as u64;
    let mut probe = || {
        let (pick, inside, anywhere) = (roll() % count, roll(), roll() % 8 == 0);
        let net = prefixes.get(usize::try_from(pick).unwrap()).unwrap().0;
        let wide = (u128::from(roll()) << 64) | u128::from(inside);
        match net {
            IpNet::V4(_) if anywhere => {
                IpAddr::V4(Ipv4Addr::from(u32::try_from(inside >> 32).unwrap()))
            }
            IpNet::V4(net) => {
                let host = u32::try_from(inside >> 32).unwrap() & u32::from(net.hostmask());
                IpAddr::V4(Ipv4Addr::from(u32::from(net.network()) | host))
            }
            IpNet::V6(_) if anywhere => IpAddr::V6(Ipv6Addr::from((0x2 << 124) | (wide >> 4))),
            IpNet::V6(net) => {
                let host = wide & u128::from(net.hostmask());
                IpAddr::V6(Ipv6Addr::from(u128::from(net.network()) | host))
            }
        }
    };
    (0..PROBES).map(|_| probe()).collect()
}

/// The newest file of the folder.
fn real_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOORWARD_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let files = std::fs::read_dir(folder).ok()?;
    let paths = files.filter_map(|entry| Some(entry.ok()?.path()));
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ServiceTags_")
    };
    paths.filter(named).max()
}
