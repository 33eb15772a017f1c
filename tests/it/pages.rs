//! The pages as people see them: in both themes, on a phone and on a desktop, with and without scripts,
//! judged by axe-core. The pictures are below `target/tmp/pages`: look at them.

use crate::browser::asked;
use crate::chromium::Browser;
use crate::needs;
use crate::process::until;
use crate::world::STRANGER;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// A phone and a desktop.
pub(crate) const SCREENS: [(&str, (u32, u32)); 2] =
    [("phone", (390, 780)), ("desktop", (1280, 900))];

/// The text of axe-core, installed if it is missing; none, and said so, where it cannot be had.
pub(crate) async fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe-core");
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let mut install = Command::new("npm");
        install.arg("install").args(quietly).arg(&folder);
        install.arg("axe-core@4.11.0").stdin(Stdio::null());
        let installed = install.output().await;
        if !installed.is_ok_and(|it| it.status.success()) {
            needs::skip("axe-core cannot be installed with npm");
            return None;
        }
    }
    Some(std::fs::read_to_string(file).unwrap())
}

/// Looks at a page on every screen in both themes: pictures it, and hears what axe-core finds.
pub(crate) async fn judge(browser: &Browser, axe: &str, name: &str, url: &str) {
    for (screen, size) in SCREENS {
        for theme in ["light", "dark"] {
            browser.screen(size, theme).await;
            browser.go(url).await;
            browser.picture(&format!("{name}-{screen}-{theme}")).await;
            let found = browser.serious_findings(axe).await;
            assert!(found.is_empty(), "{name}, {screen}, {theme}: {found:#?}");
            let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let wide = browser.run(wide).await;
            assert_eq!(wide, 0, "{name} scrolls sideways on a {screen}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_page_has_no_serious_finding_and_its_buttons_on_the_first_screen() {
    let (Some(axe), Some(browser)) = (axe().await, Browser::open().await) else {
        return;
    };
    let (world, link) = asked().await;
    judge(&browser, &axe, "request", &link).await;
    browser.screen(SCREENS[0].1, "light").await;
    browser.go(&link).await;
    let low = "return document.querySelector('button[value=deny]').getBoundingClientRect().bottom - innerHeight";
    let low = browser.run(low).await.as_f64().unwrap();
    assert!(low <= 0.0, "the buttons end {low} points below the screen");
    browser.click("button[value=deny]").await;
    until("the answer is shown", async || {
        browser.text().await.contains("Denied by link")
    })
    .await;
    judge(&browser, &axe, "denied", &link).await;
    let broken = format!("{link}x");
    judge(&browser, &axe, "invalid", &broken).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_page_follows_the_outcome_with_scripts_and_on_reload_without() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let (world, link) = asked().await;
    browser.without_scripts(true).await;
    browser.go(&link).await;
    let shown = browser.text().await;
    assert!(shown.contains("2026-11-22 12:00:00 UTC"), "{shown}");
    browser.click("button[value=allow]").await;
    until("the answer is shown", async || {
        browser.text().await.contains("Approved: adding rule")
    })
    .await;
    browser.without_scripts(false).await;
    let zone = serde_json::json!({ "timezoneId": "Europe/Zurich" });
    browser
        .devtools("Emulation.setTimezoneOverride", zone)
        .await;
    browser.go(&link).await;
    assert!(browser.text().await.contains("Approved: adding rule"));
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    // The page looks again by itself, and tells the time in the reader's zone with UTC beside it.
    until("the page follows", async || {
        let text = browser.text().await;
        text.contains("Active until 2026-11-22 14:00:00 (13:00:00 UTC)")
    })
    .await;
    browser.without_scripts(true).await;
    browser.go(&link).await;
    let text = browser.text().await;
    assert!(
        text.contains("Active until 2026-11-22 13:00:00 UTC"),
        "{text}"
    );
    browser.close().await;
}
