//! Inputs that would cost a careless reader more than their share.

/// Makes an input of about so many bytes.
pub(crate) type Make = fn(usize) -> String;

/// The inputs, with their names.
pub(crate) const HOSTILE: &[(&str, Make)] = &[
    ("nested arrays", |size| {
        let depth = 100;
        let one = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        format!("[{}]", vec![one; size / (2 * depth + 2)].join(","))
    }),
    ("JSON in JSON in JSON", |size| {
        let mut text = "client with IP '20.1.2.3' is not allowed access".to_owned();
        for _ in 0..6 {
            text = serde_json::json!({ "message": text }).to_string();
        }
        format!(
            "[{}]",
            vec![text.clone(); size / (text.len() + 1)].join(",")
        )
    }),
    ("escapes of escapes", |size| {
        format!(
            "{{\"log\":\"{}\"}}",
            r"\\\\u0063\\u005c\u005c".repeat(size / 22)
        )
    }),
    ("wraps", |size| {
        "client\n  with\n# IP\n> '20.1.\n".repeat(size / 31)
    }),
    ("near-misses", |size| {
        "client with IP '20.1.2.3' is not allowed; ".repeat(size / 42)
    }),
    ("near-misses in records", |size| {
        let one = r#"{"category":"ContainerRegistryLoginEvents","resourceId":"x","message":"client with IP '20.1.2.3' is now allowed"}"#;
        format!(
            "{{\"records\":[{}]}}",
            vec![one; size / (one.len() + 1)].join(",")
        )
    }),
    ("hosts without a sentence", |size| {
        "https://fabrikam.azurecr.io/v2/a/manifests/v1: 403 ".repeat(size / 51)
    }),
    ("sentences", |size| {
        "denied: client with IP '20.1.2.3' is not allowed access.\n".repeat(size / 57)
    }),
    ("sentences below a registry", |size| {
        let said = "denied: client with IP '20.1.2.3' is not allowed access.\n";
        format!("https://fabrikam.azurecr.io/\n{}", said.repeat(size / 57))
    }),
    ("sentences of many addresses", |size| {
        let said = |number: usize| {
            let (third, fourth) = (number / 250 % 250, number % 250);
            format!(
                "fabrikam.azurecr.io client with IP '20.1.{third}.{fourth}' is not allowed access\n\
                 client with IP '20.2.{third}.{fourth}' is not allowed access\n"
            )
        };
        (0..size / 130).map(said).collect()
    }),
    ("sentences on one line", |size| {
        "client with IP '20.1.2.3' is not allowed access {".repeat(size / 49)
    }),
    ("vaults", |size| {
        "Client address: 20.1.2.3 vault: abc; ".repeat(size / 37)
    }),
    ("quotes and brackets", |size| "[{\"'`<&%".repeat(size / 8)),
    ("braces that never close", |size| "\\u{".repeat(size / 3)),
    ("commands that never end", |size| "␛]".repeat(size / 4)),
    ("addresses on every line", |size| {
        "Request originated from IP 1.2.3.4\r".repeat(size / 35)
    }),
    ("addresses that never end", |size| {
        "client with ip '1.2.3.4\n".repeat(size / 24)
    }),
    ("sentences without an address", |size| {
        "client with ip\n".repeat(size / 15)
    }),
    ("words before line ends", |size| "no\n".repeat(size / 3)),
    ("hosts in hosts", |size| "x.io/".repeat(size / 5)),
    ("a record of many names", |size| {
        let names: Vec<String> = (0..size / 13)
            .map(|number| format!("\"n{number:06}\":1"))
            .collect();
        format!(
            r#"{{"category":"ContainerRegistryLoginEvents","resourceId":"x","resultDescription":"403","callerIpAddress":"20.1.2.3","properties":{{{}}}}}"#,
            names.join(",")
        )
    }),
    ("pairs that name nothing", |size| {
        let one = r#"{"name":"a","value":"client with IP '20.1.2.3' is not allowed access"}"#;
        format!("[{}]", vec![one; size / (one.len() + 1)].join(","))
    }),
];
