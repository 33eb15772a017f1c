//! `links`: what signs them, and how long they can be answered.

use crate::config::Links;
use crate::config::sections::items;
use crate::config::values::secret;
use doorward_core::yaml::Fields;
use doorward_core::yaml::problem::Sink;
use std::path::Path;
use std::time::Duration;

/// How long a request can be answered, unless the file says otherwise.
const LINKS_VALID_FOR: Duration = Duration::from_hours(24);

/// Reads `links`: with one `key`, or with `keys`, of which the first signs.
pub(in crate::config) fn links(
    fields: &mut Fields<'_>,
    folder: &Path,
    sink: &mut Sink<'_>,
) -> Option<Links> {
    let help = "links are signed: add `links: { key: { env: DOORWARD_LINK_KEY } }`, and set the variable to `openssl rand -base64 32`";
    let mut fields = fields.need("links", help, sink)?.fields(sink)?;
    let (key, older) = if fields.has("keys") {
        let listed = items(&mut fields, "keys", Some(help), sink);
        if let Some(one) = fields.take("key") {
            let help = "put it into `keys`: the first one there signs, and all of them count";
            one.error("there is `keys` beside it", help, sink);
        }
        let keys: Vec<_> = listed.iter().map(|at| secret(at, folder, sink)).collect();
        let mut keys = keys.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
        (keys.next(), keys.collect())
    } else {
        // Looked at, so that whoever mistypes it hears of it.
        fields.take("keys");
        let key = fields.need("key", help, sink);
        (key.and_then(|at| secret(&at, folder, sink)), Vec::new())
    };
    let valid_for = fields.take("valid_for");
    let valid_for = valid_for.map_or(Some(LINKS_VALID_FOR), |at| at.duration(sink));
    fields.finish(sink);
    Some(Links {
        key: key?,
        older,
        valid_for: valid_for?,
    })
}
