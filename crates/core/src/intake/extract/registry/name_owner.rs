//! Whose name it is: of the registry that was asked, or of the image that whoever logs runs from.
//!
//! Shippers write the image of the container that a line came from beside the line. It says nothing of
//! who refused: a build agent's own image comes from one registry while it is refused by another.

use crate::intake::extract::text::window;
use regex::Regex;
use std::sync::LazyLock;

/// What the name of a field says about the registry in its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) enum Role {
    /// It is the registry that was asked.
    Registry,
    /// It is the host or URL that was asked, beside an error.
    Request,
    /// It is an image: that asked for, or that of whoever logs.
    Image,
    /// It says nothing in particular.
    Nearby,
    /// It is what whoever logs runs from.
    Logger,
}

/// The words of a field's name, lower-case: of `ContainerImage_s`, `container.image.name`, `imageID`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in name.chars().take(128) {
        let begins = !before.is_ascii_alphanumeric()
            || before.is_ascii_lowercase() && letter.is_ascii_uppercase();
        if letter.is_ascii_alphanumeric() {
            match words.last_mut().filter(|_| !begins) {
                Some(word) => word.push(letter.to_ascii_lowercase()),
                None => words.push(letter.to_ascii_lowercase().to_string()),
            }
        }
        before = letter;
    }
    // Log Analytics adds the type of a custom column.
    if words.len() > 1
        && words
            .last()
            .is_some_and(|last| matches!(&**last, "s" | "g" | "d"))
    {
        words.pop();
    }
    words
}

/// Whether `image` stands in the letters of a field's name, as it does in those of images.
pub(in crate::intake::extract) fn speaks_of_image(name: &str) -> bool {
    let mut expected = "image".chars();
    let letters = name.chars().take(128).filter(char::is_ascii_alphanumeric);
    for letter in letters.map(|letter| letter.to_ascii_lowercase()) {
        if expected.clone().next() == Some(letter) {
            expected.next();
        } else {
            expected = if letter == 'i' { "mage" } else { "image" }.chars();
        }
        if expected.as_str().is_empty() {
            return true;
        }
    }
    false
}

/// Words that name what whoever logs runs in.
const LOGGER: &[&str] = &[
    "kubernetes",
    "k8s",
    "container",
    "containers",
    "docker",
    "pod",
    "label",
    "labels",
    "attrs",
    "attributes",
    "resource",
    "tags",
    "ddtags",
    "tag",
    "meta",
    "metadata",
    "stream",
    "agent",
    "ecs",
    "nomad",
    "oci",
    "podman",
    "containerd",
    "cri",
    "swarm",
    "orchestrator",
    "syslog",
    "ident",
    "runtime",
];

/// Names of what was asked, beside an error.
const REQUEST: &[&str] = &[
    "acr",
    "server",
    "host",
    "hostname",
    "endpoint",
    "url",
    "uri",
    "target",
    "reference",
    "ref",
    "repository",
    "requesturi",
    "requesturl",
];

/// What the name of a field says.
pub(in crate::intake::extract) fn role(name: &str) -> Role {
    let words = words(name);
    let is = |known: &[&str]| words.iter().any(|word| known.contains(&&**word));
    let joined = words.concat();
    if is(&["registry", "registries", "loginserver"]) || joined.ends_with("loginserver") {
        return Role::Registry;
    }
    if REQUEST.contains(&&*joined) {
        return Role::Request;
    }
    let compact = [
        "containerimage",
        "kubernetesmetadata",
        "podlabels",
        "containername",
    ];
    if is(LOGGER) || compact.iter().any(|known| joined.starts_with(known)) {
        return Role::Logger;
    }
    match &*joined {
        "image" | "imageref" | "imagereference" | "imageuri" | "imageurl" => Role::Image,
        _ if is(&["image", "images"])
            || joined.starts_with("image")
            || joined.ends_with("image") =>
        {
            Role::Logger
        }
        _ => Role::Nearby,
    }
}

/// Whether a field's name is what a shipper calls the line that it ships.
pub(in crate::intake::extract) fn is_line(name: &str) -> bool {
    const LINES: &[&str] = &[
        "log",
        "logs",
        "message",
        "msg",
        "line",
        "body",
        "shortmessage",
        "fullmessage",
        "logentry",
        "logmessage",
        "textpayload",
        "event",
        "data",
        "text",
        "raw",
        "stringvalue",
        "value",
    ];
    LINES.contains(&&*words(name).concat())
}

/// Whether a field beside a line tells that a shipper wrote the record.
pub(in crate::intake::extract) fn is_shippers(name: &str) -> bool {
    let known = [
        "ddsource",
        "sourcetype",
        "hostname",
        "timestamp",
        "severitytext",
        "timeunixnano",
    ];
    let joined = words(name).concat();
    role(name) == Role::Logger || known.contains(&&*joined) || name.starts_with('@')
}

/// The name of the field whose value a place begins in: `image` of `image="`, `"image": "`, `image: `.
fn field_at(text: &str, start: usize) -> Option<&str> {
    static FIELD: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?-u:([A-Za-z_@][\w.@/-]{0,80}))["'\\]{0,4}(?:=|:[ \t]?)[ \t]*["'\\]{0,4}(?:(?:docker|oci|https?)://)?$"#).ok()
    });
    let before = window::between(text, 0, start, 128);
    Some(FIELD.as_ref()?.captures(before)?.get(1)?.as_str())
}

/// Whether a registry's name is the image of whoever logs: in a field that says so, or where a syslog
/// daemon writes the program.
pub(in crate::intake::extract) fn names_logger(text: &str, (start, end): (usize, usize)) -> bool {
    static PROGRAM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(?-u:[\w./:@-]{0,256}\[\d{1,9}\]:)").ok());
    static STRUCTURED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let name = "[A-Za-z0-9_.-]{1,32}";
        Regex::new(&format!(
            r#"\[{name}@[0-9]{{1,10}}(?: {name}="[^"\]\n]{{0,200}}"){{0,8}} {name}="$"#
        ))
        .ok()
    });
    let after = window::first(text.get(end..).unwrap_or_default(), 280);
    let before = window::between(text, 0, start, 512);
    // The structured data of RFC 5424 is about whoever logs.
    let structured = || {
        STRUCTURED
            .as_ref()
            .is_some_and(|structured| before.ends_with('"') && structured.is_match(before))
    };
    let program = || {
        PROGRAM
            .as_ref()
            .is_some_and(|program| program.is_match(after))
    };
    field_at(text, start).is_some_and(|field| {
        role(field) == Role::Logger && field.to_ascii_lowercase().contains("image")
    }) || program()
        || structured()
}

/// Whether a name in brackets begins a line, as a log's prefix does: `[R3/agent:1] [agent-0] ERROR: `.
pub(in crate::intake::extract) fn is_prefix(line: &str, (start, end): (usize, usize)) -> bool {
    let before = line.get(..start).unwrap_or_default().trim_start();
    let after = line.get(end..).unwrap_or_default();
    // A time may stand before it.
    let times = before.strip_suffix('[').is_some_and(|times| {
        times
            .split_whitespace()
            .all(|word| word.starts_with(|c: char| c.is_ascii_digit()))
    });
    times && after.starts_with("] ")
}

/// Whether a registry at `start` is named by a field that may be whoever logs: `image=` beside a line.
pub(in crate::intake::extract) fn may_be_loggers(text: &str, start: usize, said_at: usize) -> bool {
    static SAID: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?-u:([A-Za-z_@][\w.@-]{0,80}))["']?[=:][ \t]*["']"#).ok());
    let image = field_at(text, start).is_some_and(|field| role(field) == Role::Image);
    let said = || {
        let before = window::between(text, 0, said_at, 512);
        let fields = SAID.iter().flat_map(|said| said.captures_iter(before));
        fields
            .filter_map(|field| field.get(1))
            .last()
            .map(|field| field.as_str().to_owned())
    };
    image && said().is_some_and(|field| is_line(&field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_tell_whose_image_it_is() {
        for name in [
            "container_image",
            "ContainerImage_s",
            "container.image.name",
            "image_name",
            "IMAGE_NAME",
            "imageID",
            "ddtags",
            "kubernetes",
            "KubernetesMetadata",
            "docker.image",
            "short_image",
            "_image_name",
            "containerImage",
            "k8s.container.image.name",
            "imageRepo",
            "ImageTag",
            "CONTAINER_TAG",
        ] {
            assert_eq!(role(name), Role::Logger, "{name}");
        }
        for name in [
            "loginServer",
            "login_server",
            "LoginServer_s",
            "registry",
            "containerRegistry",
            "registry_server",
            "container_registry_login_server",
        ] {
            assert_eq!(role(name), Role::Registry, "{name}");
        }
        assert_eq!(role("url"), Role::Request);
        assert_eq!(role("image"), Role::Image);
        assert_eq!(role("note"), Role::Nearby);
    }

    #[test]
    fn a_name_in_brackets_at_a_lines_begin_is_a_prefix() {
        let at = |line: &str| {
            let start = line.find("r3.").unwrap();
            is_prefix(line, (start, start + 17))
        };
        assert!(at("[r3.azurecr.io/x:1] [agent] ERROR: "));
        assert!(at("2026-11-27 10:00:00 [r3.azurecr.io/x:1] "));
        assert!(!at("[r3.azurecr.io/x:1]: "));
        assert!(!at("refers to repository [r3.azurecr.io/x:1] "));
    }

    #[test]
    fn fields_are_found_in_running_text() {
        let at = |text: &str| {
            names_logger(
                text,
                (text.find("r3.").unwrap(), text.find("r3.").unwrap() + 13),
            )
        };
        assert!(at("host=a container_image=\"r3.azurecr.io/x:1\" msg=y"));
        assert!(at(
            "{\"kubernetes\":{\"container_image\":\"r3.azurecr.io/x:1\""
        ));
        assert!(at(
            "Nov 27 10:00:00 host r3.azurecr.io/x:1/dind[812]: denied"
        ));
        assert!(at(
            "<11>1 - h a 1 - [docker@1 name=\"a\" image=\"r3.azurecr.io/x:1\"] denied"
        ));
        assert!(!at("[a@1 x] image=\"r3.azurecr.io/x:1\""));
        assert!(!at("image=\"r3.azurecr.io/x:1\" err=y"));
        assert!(!at("Failed to pull image \"r3.azurecr.io/x:1\""));
    }
}
