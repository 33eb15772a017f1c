//! Bodies that are made to cost more than their share: twice the body is twice the work, whatever it
//! repeats. Work is counted, not timed, so that what is measured is the same on any machine.

use super::*;
use crate::intake::delivery::read_within;
use proptest::sample::select;
use std::sync::Arc;

/// How large the smaller of two bodies is: beyond every window that a scanner looks through.
const SIZE: usize = 12 << 10;

/// How many steps a byte may cost in the worst body.
const DEAREST: u64 = 250;

/// What is repeated, alone and with others.
const PIECES: &[&str] = &[
    "\\u{",
    "\\\\u{",
    "\\u{27}",
    "\\",
    "\\\\",
    "\\x2",
    "\\u002",
    "%25",
    "%2525",
    "%",
    "%E2%80",
    "&amp;",
    "&",
    "&#",
    "&#3",
    "&lt",
    "#01",
    "#012",
    "u0027",
    "u002",
    "\u{1b}]",
    "␛]",
    "\u{1b}[",
    "\u{9b}1;",
    "^[[",
    "[1;",
    "[31m",
    "â€",
    "\u{200b}",
    "\r",
    "\n",
    " ",
    "\t",
    "# ",
    "> ",
    "│ ",
    "| ",
    "=\n",
    "<b>",
    "<br",
    "<",
    "<span class=\"x\">",
    "`",
    "'",
    "\"",
    "\"a\n",
    "\"https://a.b/\n",
    "client",
    "client\n",
    "client ",
    "client with",
    "client with ip",
    "client with ip\n",
    "client with ip ",
    "client with ip 1.",
    "client with ip '",
    "client with ip '1.2.3.4\n",
    "client with ip '1.2.3.4' is",
    "client with ip x is ",
    "client with ip '1.2.3.4' is not allowed access\n",
    "client with ip '1.2.3.4' is not allowed access ",
    "client with ip address '1.2.3.4' is not allowed to access the server\n",
    "denied: ",
    "Request originated from IP 1.2.3.4\r",
    "Request originated from IP 1.2.3.4\n",
    "request originated from client ip\n",
    "client address: 1.2.3.4 vault: abc\n",
    "client ip address : 1.2.3.4 synapse\n",
    "no pg_hba.conf entry for host \"1.2.3.4\"\n",
    "source ip address: 1.2.3.4 databricks ",
    "ip forbidden ",
    "this request is not authorized to perform this operation\n",
    "no\n",
    "ip\n",
    "ip ",
    "this\n",
    "access\n",
    "source\n",
    "blocked\n",
    "1.2.3.4\n",
    "12:00:00 client\n",
    "2026-11-22T10:00:00Z ",
    "[a] client\n",
    "a | client\n",
    "a:\n",
    "::a::\n",
    "stdout F client\n",
    "fabrikam.azurecr.io",
    "fabrikam.azurecr.io/",
    "fabrikam.azurecr.io/a:v1 ",
    "a.azurecr.io/v2/a/manifests/b: 403 ",
    "***.azurecr.io ",
    ".azurecr.io",
    "https://cr.example.com/v2/: denied: client with ip '1.2.3.4' is not allowed access\n",
    "x.io/",
    "image cr.example.com/a ",
    "status code 403 ",
    "statuscode403 ",
    "unexpected status from get request to x",
    "403",
    "403\n",
    "\"message\": \"",
    "http://a.",
    " a.b/",
    "/subscriptions/a/resourceGroups/b/providers/Microsoft.ContainerRegistry/registries/abcde ",
    "/subscriptions/",
    "az acr import source ",
    "succeeded\n",
    "status: downloaded ",
    "success ",
    "{",
    "}",
    "[",
    "]",
    "},{",
    "{\"a\":",
    "{\"a\":1},",
    "],[",
    "; ",
    ". ",
    ", ",
    "/",
    "?",
    "=",
    "https://a/?q=client%20with%20ip%20",
    "| where ",
];

/// A body of about so many bytes, in the form that a number stands for.
fn body(unit: &str, form: usize, size: usize) -> String {
    let said = "client with IP '20.1.2.3' is not allowed access";
    let text = |unit: &str| unit.repeat((size / unit.len()).max(1));
    match form {
        0 => text(unit),
        1 => json!({ "log": text(unit) }).to_string(),
        2 => format!("fabrikam.azurecr.io\n{said}\n{}", text(unit)),
        3 => {
            let record = json!({ "time": "2026-11-22T10:00:00Z", "category": "ContainerRegistryLoginEvents", "resourceId": ID, "resultDescription": "403", "message": unit, "callerIpAddress": "20.1.2.3" });
            let count = size / record.to_string().len();
            json!({ "records": vec![record; count.max(1)] }).to_string()
        }
        4 => {
            let pair = json!({ "name": unit, "value": format!("{said} {unit}") });
            let count = size / pair.to_string().len();
            json!({ "a": vec![pair; count.max(1)], "image": "fabrikam.azurecr.io/a" }).to_string()
        }
        5 => {
            let line = json!({ "stream": "stdout", "log": unit }).to_string();
            format!("{line}\n").repeat(size / line.len())
        }
        6 => {
            let list = vec![json!({ "m": format!("{said} {unit}") }); size / 100];
            json!({ "list": list, "zeros": vec![0; size / 4] }).to_string()
        }
        _ => {
            let fields = (0..size / 24)
                .map(|number| (format!("{unit}{number}"), json!(0)))
                .collect::<serde_json::Map<_, _>>();
            json!({ "category": "ContainerRegistryLoginEvents", "resourceId": ID, "resultDescription": "403", "callerIpAddress": "20.1.2.3", "properties": fields }).to_string()
        }
    }
}

const FORMS: usize = 8;

fn work(body: &str) -> u64 {
    let head = Head::default();
    let work = Rc::new(WorkBudget::unlimited());
    read_counted((&head, &Dimensions::default()), body.as_bytes(), &work).ok();
    work.done()
}

/// Whether twice the body is no more than its share of work.
fn linear(unit: &str, form: usize) -> Result<(), String> {
    let (one, two) = (body(unit, form, SIZE), body(unit, form, 2 * SIZE));
    let (less, more) = (work(&one), work(&two));
    let each = more / two.len() as u64;
    // By their own lengths: what a form has beside the unit does not double.
    let (less, more_by) = (less * two.len() as u64, more * one.len() as u64);
    let linear = more_by * 10 <= less * 11;
    if linear && each <= DEAREST {
        return Ok(());
    }
    let share = more_by * 100 / less;
    Err(format!(
        "{unit:?} in form {form}: {each} steps for each byte, {share} % of its share"
    ))
}

#[test]
fn work_grows_with_the_body_and_no_faster() {
    // Each as a text, and in one of the other forms; any in any are below.
    let faults: Vec<String> = PIECES
        .iter()
        .enumerate()
        .flat_map(|(number, unit)| [(unit, 0), (unit, 1 + number % (FORMS - 1))])
        .filter_map(|(unit, form)| linear(unit, form).err())
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn work_grows_with_any_mixture_and_no_faster(unit in prop::collection::vec(select(PIECES), 2..6), form in 0..FORMS) {
        let unit = unit.concat();
        prop_assert_eq!(linear(&unit, form).err(), None);
    }
}

#[test]
fn a_body_beyond_its_budget_is_refused_and_not_told_of_in_part() {
    let head = Head::default();
    let body = format!("{SAYS}\n").repeat(100);
    let read = |most| {
        read_within(
            (&head, &Dimensions::default()),
            body.as_bytes(),
            WorkBudget::of(most),
        )
    };
    assert_eq!(read(u64::MAX).unwrap().reports.len(), 1);
    for most in [0, 1, 1000, 100_000] {
        assert_eq!(read(most), Err(DeliveryError::TooMuchWork));
    }
}

#[test]
fn a_body_is_not_read_on_once_nobody_waits_for_it() {
    let read = |is_abandoned: bool| {
        let work = WorkBudget::unlimited().unless(Arc::new(is_abandoned.into()));
        let head = (&Head::default(), &Dimensions::default());
        read_within(head, format!("{SAYS}\n").as_bytes(), work)
    };
    assert_eq!(read(false).unwrap().reports.len(), 1);
    assert_eq!(read(true), Err(DeliveryError::TooMuchWork));
}

#[test]
fn an_ordinary_body_takes_a_small_part_of_its_budget() {
    for body in [
        format!("{SAYS}\n").repeat(1000),
        json!({ "records": vec![row(&json!("403")); 1000] }).to_string(),
        json!(vec![json!({ "log": SAYS, "stream": "stderr" }); 1000]).to_string(),
    ] {
        let each = work(&body) / body.len() as u64;
        assert!(each < 100, "{each}");
    }
}

/// A 403 record with so many names.
fn wide(names: usize) -> Value {
    let mut record = row(&json!("403"));
    for number in 0..names {
        record["properties"][format!("n{number}")] = json!("1");
    }
    record
}

#[test]
fn a_record_with_too_many_names_is_told_of_and_costs_no_other() {
    let delivery =
        read_json(&json!({ "records": [row(&json!("403")), wide(80_000), row(&json!("403"))] }));
    assert_eq!((delivery.records, delivery.reports.len()), (3, 2));
    let [bad] = delivery.bad.as_slice() else {
        panic!("{:?}", delivery.bad)
    };
    assert_eq!((bad.record, bad.error.as_str()), (2, bounds::NAMES));
    let alone = read_as(
        "application/json",
        &json!({ "records": [wide(80_000)] }).to_string(),
    );
    assert!(
        matches!(alone, Err(DeliveryError::OverBound { ref what }) if what == bounds::NAMES),
        "{alone:?}"
    );
    assert_eq!(
        read_json(&json!({ "records": [wide(1000)] })).reports.len(),
        1
    );
}
