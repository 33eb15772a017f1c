//! What a test needs and a machine may not have: then it is skipped, for all to see, or fails where
//! nothing may be skipped.

use std::io::Write;

/// Says that the test that is running is skipped, and why. Where `DOORWARD_REQUIRE=all` is set it fails.
pub(crate) fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let all = std::env::var_os("DOORWARD_REQUIRE").is_some_and(|what| what == "all");
    assert!(
        !all,
        "{test} may not be skipped (DOORWARD_REQUIRE=all): {why}"
    );
    // Not by `eprintln!`, which the test runner keeps to itself while tests pass.
    writeln!(std::io::stderr(), "skipped {test}: {why}").ok();
}
