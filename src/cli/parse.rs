//! `doorward parse`: the denials in a text.

use anyhow::Context;
use doorward_core::intake::delivery;
use doorward_core::messages::invisible::escaped;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::PathBuf;

/// The largest input, in bytes.
const LARGEST: u64 = 256 << 20;

/// What `doorward parse` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Parse {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

impl Parse {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let input = self
            .read()
            .with_context(|| format!("`{}` cannot be read", self.file.display()))?;
        let mut output = BufWriter::new(std::io::stdout().lock());
        for denial in delivery::denials(&input) {
            let json = serde_json::to_string(&denial)?;
            if let Err(error) = writeln!(output, "{}", escaped(&json)) {
                return closed(error);
            }
        }
        output.flush().or_else(closed_io)?;
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut input = Vec::new();
        if self.file.as_os_str() == "-" {
            std::io::stdin()
                .lock()
                .take(LARGEST + 1)
                .read_to_end(&mut input)?;
        } else {
            std::fs::File::open(&self.file)?
                .take(LARGEST + 1)
                .read_to_end(&mut input)?;
        }
        anyhow::ensure!(
            input.len() as u64 <= LARGEST,
            "it is larger than {} MiB: give it in parts",
            LARGEST >> 20
        );
        Ok(input)
    }
}

/// Whoever read our output has seen enough: that is no failure.
fn closed(error: std::io::Error) -> anyhow::Result<()> {
    Ok(closed_io(error)?)
}

fn closed_io(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}
