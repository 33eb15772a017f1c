//! `doorward config show`: what is in effect, and where it is set.

use super::effective::tree;
use super::{ConfigFile, Failure, print};
use anyhow::Context;
use clap::ValueEnum;
use doorward_core::messages::invisible::escaped_lines;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{self, Item};

/// What `doorward config show` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    file: ConfigFile,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Yaml)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// As a configuration, with a comment at each value
    Yaml,
    /// A JSON list of fields, each with its line
    Json,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        // Relative paths in it become such that it may stand anywhere.
        let path = std::path::absolute(&self.file.config).map_err(anyhow::Error::new)?;
        let path = &path;
        let config = crate::config::load(path).map_err(Failure::wrong_input)?;
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("`{name}` cannot be read"))?;
        let node = yaml::load(&text, &mut Sink::guarded(&name, &text));
        let document = node.as_ref().map(Item::document);
        let tree = tree(&config, document.as_ref());
        if self.output == Output::Yaml {
            let yaml = tree.yaml(document.as_ref());
            return print(format_args!(
                "# {name}, in effect. Secrets are shown by reference.\n{yaml}"
            ));
        }
        let mut values = Vec::new();
        tree.flat(document.as_ref(), "", &mut values);
        let shown = serde_json::json!({ "file": name, "values": values });
        let json = serde_json::to_string_pretty(&shown).map_err(anyhow::Error::new)?;
        print(format_args!("{}", escaped_lines(&json)))
    }
}
