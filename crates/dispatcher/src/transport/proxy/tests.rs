//! What is read from settings and variables.

use super::*;

fn variables(all: &[(&str, &str)]) -> ProxyVariables {
    ProxyVariables::of(|name| {
        all.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn proxy_of(variables: &ProxyVariables, uri: &'static str) -> Option<String> {
    let proxies = Proxies::new(&ProxySetting::Environment, variables).unwrap()?;
    proxies.of(&Uri::from_static(uri)).map(|proxy| proxy.name())
}

#[test]
fn the_variables_mean_what_they_mean_elsewhere() {
    let all = variables(&[
        ("https_proxy", "http://secure.example:3128"),
        ("ALL_PROXY", "all.example:1080"),
        ("HTTP_PROXY", ""),
        ("NO_PROXY", "internal.example, 10.0.0.0/8,.svc"),
    ]);
    assert_eq!(proxy_of(&all, "https://a.example/").as_deref(), Some("secure.example:3128"));
    assert_eq!(proxy_of(&all, "http://a.example/").as_deref(), Some("all.example:1080"));
    for direct in [
        "https://internal.example/",
        "http://x.internal.example/",
        "http://10.1.2.3/",
        "http://a.b.svc/",
        "http://localhost:4652/",
        "http://127.0.0.1:4652/",
        "https://[::1]/",
    ] {
        assert_eq!(proxy_of(&all, direct), None, "{direct}");
    }
    assert_eq!(proxy_of(&variables(&[]), "https://a.example/"), None);
}

#[test]
fn what_could_not_be_used_is_refused_and_not_left_out() {
    for (value, says) in
        [("socks5://u:secret@p:1", "SOCKS"), ("http://", "host:port"), ("ftp://p:1", "host:port")]
    {
        let error =
            Proxies::new(&ProxySetting::Environment, &variables(&[("ALL_PROXY", value)])).err().unwrap();
        let said = error.to_string();
        assert!(
            said.starts_with("ALL_PROXY = ") && said.contains(says) && !said.contains("secret"),
            "{said}"
        );
    }
}

#[test]
fn a_setting_reads_three_ways_and_never_shows_a_password() {
    let read =
        |text: &str| serde_json::from_value::<ProxySetting>(text.into()).map_err(|error| error.to_string());
    assert_eq!(read("environment"), Ok(ProxySetting::Environment));
    assert_eq!(read("none"), Ok(ProxySetting::None));
    let url = read("http://user:secret@proxy.example:3128").unwrap();
    assert_eq!(serde_json::to_value(&url).unwrap(), "http://***@proxy.example:3128");
    assert!(!format!("{url:?}").contains("secret"));
    assert!(read("proxy.example").unwrap_err().contains("environment, none, or a URL"));
    assert!(read("socks5://proxy.example").unwrap_err().contains("SOCKS"));
    let proxies = Proxies::new(&url, &ProxyVariables::default()).unwrap().unwrap();
    assert_eq!(proxies.to_string(), "http://***@proxy.example:3128");
}
