//! Which links lead somewhere, and why the others do not.

use super::*;
use uuid::Uuid;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn keys(first: &str, older: &[&str]) -> LinkKeys {
    let key = |text: &str| LinkKey::new(&SecretString::from(text)).unwrap();
    LinkKeys::new(key(first), older.iter().map(|text| key(text)).collect())
}

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "another key that is long enough!!";

fn request() -> RequestId {
    RequestId(Uuid::from_u128(7))
}

#[test]
fn link_names_its_request_until_its_end() {
    let token = keys(KEY, &[]).sign(request(), at(100)).unwrap();
    assert_eq!(keys(KEY, &[]).verify(&token, at(99)), Ok(request()));
    assert_eq!(keys(KEY, &[]).verify(&token, at(100)), Err(LinkError::Over));
}

#[test]
fn link_of_an_older_key_counts_while_the_key_is_listed() {
    let token = keys(OTHER, &[]).sign(request(), at(100)).unwrap();
    assert_eq!(keys(KEY, &[OTHER]).verify(&token, at(1)), Ok(request()));
    assert_eq!(
        keys(KEY, &[]).verify(&token, at(1)),
        Err(LinkError::OtherKey)
    );
    let newer = keys(KEY, &[OTHER]).sign(request(), at(100)).unwrap();
    assert_eq!(
        keys(OTHER, &[]).verify(&newer, at(1)),
        Err(LinkError::OtherKey)
    );
}

/// A token of `KEY` for `aud` and `purpose`, which may name its key.
fn forged(alg: Algorithm, aud: &str, purpose: &str, kid: Option<&str>) -> String {
    let claims = Claims {
        aud: aud.to_owned(),
        sub: request().to_string(),
        purpose: purpose.to_owned(),
        exp: 100,
    };
    let header = Header {
        kid: kid.map(str::to_owned),
        ..Header::new(alg)
    };
    let key = EncodingKey::from_secret(KEY.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[test]
fn link_without_a_key_id_is_tried_with_every_key() {
    let token = forged(Algorithm::HS256, AUDIENCE, PURPOSE, None);
    assert_eq!(keys(OTHER, &[KEY]).verify(&token, at(1)), Ok(request()));
    let unknown = keys(OTHER, &[]).verify(&token, at(1));
    assert_eq!(unknown, Err(LinkError::Tampered));
}

#[test]
fn each_bad_link_is_told_by_its_cause() {
    let id = keys(KEY, &[]).first.id;
    let good = keys(KEY, &[]).sign(request(), at(100)).unwrap();
    let (head, _) = good.split_at(good.len() - 2);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let same = |alg, aud, purpose| forged(alg, aud, purpose, Some(&id));
    for (token, expected) in [
        (String::new(), LinkError::Invalid),
        ("a.b.c".to_owned(), LinkError::Invalid),
        (head.to_owned(), LinkError::Invalid),
        (format!("{signed}.{}", "A".repeat(43)), LinkError::Tampered),
        (format!("{signed}."), LinkError::Tampered),
        ("x".repeat(LONGEST_TOKEN + 1), LinkError::Invalid),
        (
            same(Algorithm::HS384, AUDIENCE, PURPOSE),
            LinkError::Tampered,
        ),
        (
            same(Algorithm::HS256, "doorward:session", PURPOSE),
            LinkError::OtherPurpose,
        ),
        (
            same(Algorithm::HS256, AUDIENCE, "show"),
            LinkError::OtherPurpose,
        ),
        (
            forged(Algorithm::HS256, AUDIENCE, PURPOSE, Some("0123")),
            LinkError::OtherKey,
        ),
    ] {
        assert_eq!(
            keys(KEY, &[]).verify(&token, at(1)),
            Err(expected),
            "{token}"
        );
    }
}

#[test]
fn short_key_is_refused() {
    let short = LinkKey::new(&SecretString::from("short"));
    assert_eq!(short.err(), Some(ShortKey(5)));
}
