//! The header rules of Segment's Webhook, one by one.

use super::*;

const IDENTITY: Identity = Identity { batch_id: Uuid::from_u128(7), attempt: 1, is_maybe_repeated: false };

fn prepared(url: &str, headers: &[(&str, &str)]) -> Result<Prepared, InvalidRequest> {
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Prepared::new("POST", url, &headers)
}

fn header(headers: &[(&str, &str)], name: &str) -> Option<String> {
    let request = prepared("http://h/", headers).unwrap().request(
        Some(Body::from("{}".to_owned())),
        &Signatures {
            shared: Some("abc".to_owned()),
            previous: Some("def".to_owned()),
            webhook: Some((7, "v1,ghi v1,jkl".to_owned())),
        },
        IDENTITY,
    );
    request.header_lines().find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[test]
fn our_headers_say_who_and_which() {
    assert_eq!(header(&[], "user-agent").unwrap(), USER_AGENT_TEXT);
    assert_eq!(header(&[], "accept").unwrap(), "*/*");
    assert_eq!(header(&[], "x-signature").unwrap(), "abc");
    assert_eq!(header(&[], "x-signature-previous").unwrap(), "def");
    assert_eq!(header(&[], "webhook-id"), header(&[], "x-signalpost-batch-id"));
    assert_eq!(header(&[], "webhook-timestamp").unwrap(), "7");
    assert_eq!(header(&[], "webhook-signature").unwrap(), "v1,ghi v1,jkl");
    assert_eq!(header(&[], "x-signalpost-batch-id").unwrap(), "00000000-0000-0000-0000-000000000007");
    assert_eq!(header(&[], "x-signalpost-attempt").unwrap(), "1");
    assert_eq!(header(&[], "x-signalpost-maybe-repeated"), None);
}

#[test]
fn a_mapped_header_replaces_ours_whatever_its_case() {
    assert_eq!(header(&[("User-Agent", "mine")], "user-agent").unwrap(), "mine");
    assert_eq!(header(&[("X-SIGNATURE", "mine")], "x-signature").unwrap(), "mine");
}

#[test]
fn the_text_undefined_deletes_a_header() {
    assert_eq!(header(&[("Accept", "undefined")], "accept"), None);
    assert_eq!(header(&[("x-signature", "undefined")], "x-signature"), None);
    assert_eq!(header(&[("x-mine", "undefined")], "x-mine"), None);
}

#[test]
fn a_body_is_always_json_and_without_one_a_mapped_content_type_stays() {
    assert_eq!(header(&[("Content-Type", "text/plain")], "content-type").unwrap(), "application/json");
    let target = prepared("http://h/", &[("Content-Type", "text/plain")]).unwrap();
    assert_eq!(target.request(None, &Signatures::default(), IDENTITY).headers[CONTENT_TYPE], "text/plain");
    let plain = prepared("http://h/", &[]).unwrap();
    assert!(!plain.request(None, &Signatures::default(), IDENTITY).headers.contains_key(CONTENT_TYPE));
}

#[test]
fn names_that_differ_in_case_only_are_joined() {
    assert_eq!(header(&[("X-A", "1"), ("x-a", "2")], "x-a").unwrap(), "1, 2");
}

#[test]
fn blanks_around_a_value_do_not_arrive_and_latin1_does() {
    assert_eq!(header(&[("x-a", " \tcafé ")], "x-a").unwrap(), "café");
    let request =
        prepared("http://h/", &[("x-a", "é")]).unwrap().request(None, &Signatures::default(), IDENTITY);
    assert_eq!(request.headers["x-a"].as_bytes(), [0xe9]);
}

#[test]
fn a_mapping_can_not_change_how_the_request_is_framed() {
    for name in OF_THE_CONNECTION {
        assert_eq!(header(&[(name, "5")], name), None, "{name}");
    }
}

#[test]
fn an_illegal_header_is_named() {
    assert_eq!(
        prepared("http://h/", &[("a b", "1")]).unwrap_err().to_string(),
        "a b is not a legal HTTP header name"
    );
    for value in ["a\nb", "日本"] {
        let error = prepared("http://h/", &[("x-a", value)]).unwrap_err();
        assert_eq!(error.to_string(), "the value of x-a is not a legal HTTP header value");
    }
}

#[test]
fn credentials_become_basic_authorization_unless_one_is_mapped() {
    let url = "https://us%40er:p%3Aw@example.com/a?b=c#frag";
    let request = prepared(url, &[]).unwrap().request(None, &Signatures::default(), IDENTITY);
    assert_eq!(request.uri, "https://example.com/a?b=c");
    assert_eq!(request.headers[AUTHORIZATION], "Basic dXNAZXI6cDp3");
    let mapped = prepared(url, &[("Authorization", "Bearer x")]).unwrap().request(
        None,
        &Signatures::default(),
        IDENTITY,
    );
    assert_eq!(mapped.headers[AUTHORIZATION], "Bearer x");
}

#[test]
fn what_is_no_http_url_is_refused() {
    for url in ["", "example.com", "ftp://example.com/", "http://", "mailto:a@b", "http://h:99999/"] {
        assert_eq!(prepared(url, &[]).unwrap_err(), InvalidRequest::Url { url: url.to_owned() });
    }
}

#[test]
fn a_repeated_request_says_that_it_may_be_one() {
    let identity = Identity { attempt: 3, is_maybe_repeated: true, ..IDENTITY };
    let request = prepared("http://h/", &[]).unwrap().request(None, &Signatures::default(), identity);
    assert_eq!(request.headers["x-signalpost-maybe-repeated"], "true");
    assert_eq!(request.headers["x-signalpost-attempt"], "3");
}
