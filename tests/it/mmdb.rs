//! Writes small databases in MaxMind's format, as the specification describes it
//! (<https://maxmind.github.io/MaxMind-DB/>), for tests and for the sample among the policies.

use ipnet::Ipv4Net;

/// A value of the data section.
#[derive(Clone)]
pub(crate) enum Value {
    Text(&'static str),
    Short(u16),
    Number(u32),
    Long(u64),
    Map(Vec<(&'static str, Value)>),
}

impl Value {
    fn write(&self, to: &mut Vec<u8>) {
        let size = |length: usize| u8::try_from(length).unwrap();
        match self {
            Self::Text(text) => {
                assert!(text.len() < 29);
                to.push((2 << 5) | size(text.len()));
                to.extend(text.as_bytes());
            }
            Self::Number(number) => {
                to.push((6 << 5) | 4);
                to.extend(number.to_be_bytes());
            }
            Self::Short(number) => {
                to.push((5 << 5) | 2);
                to.extend(number.to_be_bytes());
            }
            Self::Long(number) => {
                to.extend([8, 2]);
                to.extend(number.to_be_bytes());
            }
            Self::Map(fields) => {
                to.push((7 << 5) | size(fields.len()));
                for (key, value) in fields {
                    Self::Text(key).write(to);
                    value.write(to);
                }
            }
        }
    }
}

/// A database of IPv4 networks, in a tree for IPv6 as the published ones have it, or for IPv4 alone.
pub(crate) fn database(networks: &[(&str, Value)], six: bool) -> Vec<u8> {
    let mut nodes: Vec<[Option<Leaf>; 2]> = vec![[None, None]];
    let mut data = Vec::new();
    for (network, value) in networks {
        let network: Ipv4Net = network.parse().unwrap();
        let offset = data.len();
        value.write(&mut data);
        let bits = u32::from(network.network());
        let zeros = if six { 96 } else { 0 };
        let path: Vec<usize> = std::iter::repeat_n(0, zeros)
            .chain((0..network.prefix_len()).map(|bit| (bits >> (31 - bit)) as usize & 1))
            .collect();
        let mut node = 0;
        let (last, way) = path.split_last().unwrap();
        for side in way {
            node = match nodes[node][*side] {
                Some(Leaf::Node(next)) => next,
                Some(Leaf::Data(_)) => panic!("networks overlap"),
                None => {
                    nodes.push([None, None]);
                    let next = nodes.len() - 1;
                    nodes[node][*side] = Some(Leaf::Node(next));
                    next
                }
            };
        }
        nodes[node][*last] = Some(Leaf::Data(offset));
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for side in nodes.iter().flatten() {
        let record = match side {
            None => count,
            Some(Leaf::Node(node)) => *node,
            Some(Leaf::Data(offset)) => count + 16 + offset,
        };
        file.extend(&u32::try_from(record).unwrap().to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(&data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let count = u32::try_from(count).unwrap();
    let fields = [
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_700_000_000)),
        ("database_type", Value::Text("sample")),
        ("ip_version", Value::Short(if six { 6 } else { 4 })),
        ("node_count", Value::Number(count)),
        ("record_size", Value::Short(24)),
    ];
    // Empty collections: languages is a list (type 11, extended), description a map.
    file.push((7 << 5) | u8::try_from(fields.len() + 2).unwrap());
    for (key, value) in &fields {
        Value::Text(key).write(&mut file);
        value.write(&mut file);
    }
    Value::Text("languages").write(&mut file);
    file.extend([0, 4]);
    Value::Text("description").write(&mut file);
    file.push(7 << 5);
    file
}

#[derive(Clone, Copy)]
enum Leaf {
    Node(usize),
    Data(usize),
}
