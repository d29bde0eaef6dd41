"""Which addresses the operator may ask."""

import pytest

from bayescaler.sources.allow import AllowList, NotAllowed

LIST = AllowList(
    [
        "http://prometheus.monitoring:9090",
        "https://thanos.example/select/shop",
        "http://*.metrics.svc:9090",
        "http://169.254.20.10:9090",
        "https://[fd00::1]:9090",
    ],
    setting="prometheus.allow",
)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://prometheus.monitoring:9090", "http://prometheus.monitoring:9090"),
        ("http://prometheus.monitoring:9090/", "http://prometheus.monitoring:9090"),
        ("HTTP://Prometheus.Monitoring:9090/api", "http://prometheus.monitoring:9090/api"),
        ("https://thanos.example/select/shop", "https://thanos.example/select/shop"),
        ("https://thanos.example:443/select/shop/0", "https://thanos.example/select/shop/0"),
        ("http://team-a.metrics.svc:9090", "http://team-a.metrics.svc:9090"),
        ("http://a.b.metrics.svc:9090", "http://a.b.metrics.svc:9090"),
        ("https://[FD00::1]:9090", "https://[fd00::1]:9090"),
    ],
)
def test_an_address_on_the_list_is_allowed_in_one_spelling(address, url):
    assert LIST.check(address).url == url


@pytest.mark.parametrize(
    "address",
    [
        "https://prometheus.monitoring:9090",
        "http://prometheus.monitoring",
        "http://prometheus.monitoring:9091",
        "http://prometheus.monitoring.evil.example:9090",
        "http://prometheus.monitoring.:9090",
        "https://thanos.example",
        "https://thanos.example/select",
        "https://thanos.example/select/shopping",
        "http://metrics.svc:9090",
        "http://evilmetrics.svc:9090",
        "http://169.254.169.254",
        "http://localhost:9090",
    ],
)
def test_an_address_off_the_list_is_refused_with_the_setting_that_allows_it(address):
    with pytest.raises(
        NotAllowed, match=r"is not on the operator's allow-list: .* add it to prometheus\.allow"
    ) as caught:
        LIST.check(address)
    assert caught.value.reason == "NotAllowed"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://user:canary@prometheus.monitoring:9090", "must not carry a user or password"),
        ("http://prometheus.monitoring:9090@evil.example", "must not carry a user"),
        ("http://evil.example#@prometheus.monitoring:9090", "user or password"),
        ("http://prometheus.monitoring:9090?x=1", "query or fragment"),
        ("http://prometheus.monitoring:9090/?", "query or fragment"),
        ("file:///etc/passwd", "must be http"),
        ("gopher://prometheus.monitoring:9090", "must be http"),
        ("prometheus.monitoring:9090", "must be http"),
        ("http://", "must be http"),
        ("", "must be http"),
        ("http://prometheus.monitoring:port", "is not an address"),
        ("http://prometheus.monitoring:99999", "is not an address"),
        ("http://[::1", "is not an address"),
        ("http://prometheus.monitoring:9090\n", "characters"),
        ("http://prometheus.mon\titoring:9090", "characters"),
        ("http://prometheus\\.monitoring:9090", "characters"),
        ("http://prometheus.monitoring%2eevil:9090", "characters"),
        ("http://prometheus。monitoring:9090", "characters"),
        ("https://thanos.example/select/shop/../../admin", "plain path"),
        ("https://thanos.example//select/shop", "plain path"),
        ("http://*.metrics.svc:9090", "must not have *"),
    ],
)
def test_an_address_with_tricks_is_refused_before_the_list_is_looked_at(address, words):
    with pytest.raises(NotAllowed) as caught:
        LIST.check(address)
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    ["prometheus:9090", "http://pro*:9090", "http://*.*.svc:9090", "http://a.*.svc", "http://u@p:9090", "ftp://x"],
)
def test_a_bad_entry_of_the_settings_is_told_at_the_start(entry):
    with pytest.raises(ValueError, match=r"prometheus\.allow entry"):
        AllowList([entry], setting="prometheus.allow")


@pytest.mark.parametrize(
    "peer",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",  # noqa: S104 - nothing is bound here
        "::",
        "224.0.0.1",
    ],
)
def test_a_name_that_leads_to_the_metadata_service_is_refused(peer):
    permit = LIST.check("http://prometheus.monitoring:9090")
    with pytest.raises(NotAllowed, match=r"list it literally in prometheus\.allow"):
        permit.check_peer(peer)


@pytest.mark.parametrize("peer", ["10.0.0.7", "192.168.1.1", "fd00::7", "93.184.216.34", "127.0.0.1"])
def test_a_listed_name_may_lead_anywhere_else(peer):
    LIST.check("http://prometheus.monitoring:9090").check_peer(peer)


def test_a_special_address_is_asked_if_it_is_listed_literally():
    LIST.check("http://169.254.20.10:9090").check_peer("169.254.20.10")


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "169.254.20.10"])
def test_a_wildcard_never_leads_to_the_operator_or_the_node(peer):
    with pytest.raises(NotAllowed):
        LIST.check("http://a.metrics.svc:9090").check_peer(peer)


def test_an_exact_entry_wins_over_a_wildcard():
    both = AllowList(["http://*:9090", "http://localhost:9090"])
    both.check("http://localhost:9090").check_peer("127.0.0.1")


def test_the_default_address_is_allowed_but_may_not_be_a_wildcard():
    assert AllowList([]).including("http://p:9090").check("http://p:9090").url == "http://p:9090"
    with pytest.raises(ValueError, match="default Prometheus address"):
        AllowList([]).including("http://*:9090")


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cr%21t@localhost:9",
        "http://user:s3cr%21t@localhost:9x",
        "user:s3cr%21t@localhost",
        "http://localhost:9/?token=s3cr%21t",
        "http://localhost:9/#s3cr%21t",
    ],
)
def test_what_may_be_secret_in_an_address_is_not_repeated(address):
    with pytest.raises(NotAllowed) as refused:
        AllowList(("http://localhost:9",)).check(address)
    assert "s3cr" not in str(refused.value)
