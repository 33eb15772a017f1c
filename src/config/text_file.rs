//! Reading a text file that may be packed with gzip, as large downloads often are kept.

use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest text that is taken, unpacked, in bytes.
const LARGEST: u64 = 256 << 20;

/// The file's text.
///
/// # Errors
/// What cannot be opened, is no UTF-8, or is larger than 256 MiB.
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut start = [0; 2];
    let mut file = File::open(path)?;
    let got = file.read(&mut start)?;
    let packed = start == [0x1f, 0x8b];
    let whole = start.get(..got).unwrap_or_default().chain(file);
    let mut text = String::new();
    let read = if packed {
        MultiGzDecoder::new(whole)
            .take(LARGEST + 1)
            .read_to_string(&mut text)?
    } else {
        whole.take(LARGEST + 1).read_to_string(&mut text)?
    };
    if read as u64 > LARGEST {
        let what = format!("it is larger than {} MiB", LARGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}
