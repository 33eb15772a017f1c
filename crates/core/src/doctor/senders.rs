//! Policies, address sets, sources, channels and the public URL.

use super::Finding;
use super::facts::{Unknown, action_in};
use crate::messages::wording;
use jiff::{SignedDuration, Timestamp};

/// An address set that comes from elsewhere.
#[derive(Clone, Debug)]
pub struct Set {
    /// Its name, or what it is made of.
    pub name: String,
    /// How many addresses it has; none if it was not loaded.
    pub addresses: Option<u64>,
    /// Why it could not be loaded.
    pub error: Option<String>,
}

/// What a set comes to.
pub fn set(set: &Set) -> Finding {
    const CHECK: &str = "set";
    let found = match (&set.error, set.addresses) {
        // What is wrong with the credential is said of the credential.
        (Some(error), _) if error.starts_with("no token from") => {
            Finding::left_out(CHECK, "not asked (there is no token)")
        }
        (Some(error), _) => {
            let fix = match action_in(error) {
                Some(action) => format!("grant the action `{action}` on what the set names"),
                None => "correct where the set comes from, or see that this machine reaches it; until then it matches nothing"
                    .to_owned(),
            };
            Finding::wrong(CHECK, format!("not loaded: {error}"), fix)
        }
        (None, Some(0)) => Finding::wrong(
            CHECK,
            "it is empty, so that no rule with it ever matches",
            "name the resource, tag or file that has the addresses",
        ),
        (None, Some(count)) => Finding::ok(CHECK, format!("{count} addresses")),
        (None, None) => Finding::unknown(CHECK, "no answer in time", "try again"),
    };
    found.about(&set.name)
}

/// A source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// How its sender proves itself.
    pub proof: &'static str,
    /// Whether the keys that its tokens are checked with can be had; none where there are no tokens.
    pub issuer: Option<Result<(), Unknown>>,
    /// What the ledger says of it.
    pub fed: Fed,
}

/// A part of a feed that was asked.
#[derive(Clone, Debug)]
pub struct FeedPart {
    /// A registry, a queue or a container.
    pub name: String,
    /// Whether it cannot be relied on.
    pub failing: bool,
    /// Whether that may be due to how it was asked.
    pub is_unsure: bool,
    /// How it fares, with the fix.
    pub text: String,
}

/// What asking a feed came to.
pub fn feed(source: &str, part: &FeedPart) -> Finding {
    const CHECK: &str = "source.feed";
    const FIX: &str = "docs/feeds.md says more of each state";
    let found = match (part.failing, part.is_unsure) {
        (false, _) => Finding::ok(CHECK, "can be read"),
        (true, true) => Finding::unknown(CHECK, &part.text, FIX),
        (true, false) => Finding::wrong(CHECK, &part.text, FIX),
    };
    found.about(&format!("{source}/{}", part.name))
}

/// Whether denials have come from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// There is no ledger yet.
    NoLedger,
    /// None has.
    Never,
    /// The last came then.
    Last(Timestamp),
}

/// What a source comes to.
pub fn source(source: &Source, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    match &source.issuer {
        Some(Err(Unknown::Skipped(why))) => {
            found.push(Finding::left_out(
                "source.issuer",
                format!("its issuer was not asked ({why})"),
            ));
        }
        Some(Err(unknown)) => {
            let why = unknown.why("no answer");
            found.push(Finding::wrong(
                "source.issuer",
                format!("the keys of its issuer cannot be had: {why}"),
                "correct `issuer` or `tenant_id`, or let this machine reach it: until then its deliveries are refused",
            ));
        }
        Some(Ok(())) => found.push(Finding::ok(
            "source.issuer",
            "the keys of its issuer can be had",
        )),
        None => {}
    }
    let proof = source.proof;
    found.push(match source.fed {
        Fed::NoLedger => Finding::left_out("source.fed", format!("`{proof}`; no ledger yet, so nothing is known of deliveries")),
        Fed::Never if proof == "feed" => Finding::unknown(
            "source.fed",
            "`feed`; no denial has ever come from it",
            "wait for one, or see what `source.feed` says of it",
        ),
        Fed::Never => Finding::unknown(
            "source.fed",
            format!("`{proof}`; no denial has ever come from it"),
            format!(
                "post one as its sender would (`doorward report --source {}`), and check the sender's address and proof if it does not arrive",
                source.name
            ),
        ),
        Fed::Last(at) => Finding::ok(
            "source.fed",
            format!("`{proof}`; last denial {} ago", wording::duration(elapsed(at, now))),
        ),
    });
    found
        .into_iter()
        .map(|finding| finding.about(&source.name))
        .collect()
}

fn elapsed(at: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(at).max(SignedDuration::ZERO)
}

/// What sending to a channel came to.
pub fn channel(name: &str, sent: Result<(), Unknown>) -> Finding {
    const CHECK: &str = "channel";
    let found = match sent {
        Ok(()) => Finding::ok(CHECK, "takes messages"),
        Err(Unknown::Skipped(why)) => Finding::left_out(CHECK, why),
        Err(unknown) => {
            let why = unknown.why("it refused");
            Finding::wrong(
                CHECK,
                format!("does not take messages: {why}"),
                "make a new incoming webhook and put its URL where `url` says, or let this machine reach it",
            )
        }
    };
    found.about(name)
}

/// What was found at the public URL.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A doorward.
    Doorward,
    /// Something else.
    SomethingElse(u16),
    /// TLS does not come about.
    Tls(String),
    /// Nothing.
    Nothing(String),
    /// It was not asked.
    Skipped(&'static str),
}

/// What the public URL comes to. `clear` says whether it is plain HTTP to another machine.
pub fn public_url(url: &str, clear: bool, answer: &Answer) -> Finding {
    const CHECK: &str = "public_url";
    if clear {
        let text = format!("{url}: approval links go over the network in clear text");
        return Finding::wrong(
            CHECK,
            text,
            "put TLS in front of `listen`, and write `https://` in `public_url`",
        );
    }
    match answer {
        Answer::Doorward => Finding::ok(CHECK, format!("doorward answers at {url}")),
        Answer::SomethingElse(status) => Finding::wrong(
            CHECK,
            format!("what answers at {url} is not doorward (status {status} for /healthz)"),
            "point the proxy or ingress at `listen`, or correct `public_url`",
        ),
        Answer::Tls(why) => Finding::wrong(
            CHECK,
            format!("{url}: TLS fails: {why}"),
            "give the proxy in front of `listen` a certificate for this host that callers trust",
        ),
        Answer::Nothing(why) => Finding::unknown(
            CHECK,
            format!("nothing answers at {url}: {why}"),
            "start doorward, see that DNS and the proxy lead to `listen`, or correct `public_url`",
        ),
        Answer::Skipped(why) => Finding::left_out(CHECK, format!("{url} was not asked ({why})")),
    }
}
