"""Senders that share no code with doorward: Azure's publisher client, the CloudEvents SDK, and
tokens made by PyJWT. `tests/it/independent.rs` installs these packages and runs this.

It stands in for the authority as well: with a key of its own, whose public half it serves. The first
line on standard output says where; the first line on standard input is then doorward's address, as
in `http://127.0.0.1:8080`. Every answer is checked; the exit code is 1 if one is wrong.
"""

import json
import logging
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import requests
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.messaging import CloudEvent as AzureCloudEvent
from azure.eventgrid import EventGridEvent, EventGridPublisherClient
from cloudevents.core.bindings import http as binding
from cloudevents.core.v1.event import CloudEvent
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import HMACAlgorithm, RSAAlgorithm

TENANT = "22222222-0000-4000-8000-000000000002"
US = "99999999-0000-4000-8000-000000000009"
AUDIENCE = "https://doorward.contoso.com"
EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
ACTION_GROUP = "461e8683-5575-4561-ac7f-899cc907d62a"
OURS = "20.61.10.4"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


class Authority(BaseHTTPRequestHandler):
    """OpenID configuration and key set of one tenant."""

    def do_GET(self):
        origin = f"http://127.0.0.1:{self.server.server_port}"
        jwk = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "ours", "use": "sig"}
        documents = {
            f"/{TENANT}/v2.0/.well-known/openid-configuration": {
                "issuer": f"{origin}/{TENANT}/v2.0",
                "jwks_uri": f"{origin}/{TENANT}/discovery/v2.0/keys",
            },
            f"/{TENANT}/discovery/v2.0/keys": {"keys": [jwk]},
        }
        document = documents.get(self.path)
        body = json.dumps(document).encode()
        self.send_response(200 if document else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def denial(address=OURS):
    return (
        'Error response from daemon: Get "https://contosoprod.azurecr.io/v2/": denied: client with '
        f"IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
    )


def event_grid_claims(authority, **changes):
    now = int(time.time())
    claims = {
        "iss": f"https://sts.windows.net/{TENANT}/", "aud": US, "tid": TENANT, "appid": EVENT_GRID,
        "iat": now, "nbf": now, "exp": now + 3600,
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


def job_claims(authority, **changes):
    now = int(time.time())
    claims = {
        "iss": f"{authority}{TENANT}/v2.0", "aud": AUDIENCE, "sub": "repo:contoso/api:ref:refs/heads/main",
        "repository": "contoso/api", "ref": "refs/heads/main", "iat": now, "nbf": now, "exp": now + 300,
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


def rs256(claims, key=KEY, kid="ours"):
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def hs256_with_public_key(claims):
    """PyJWT refuses to do this by itself, and rightly."""

    class Careless(HMACAlgorithm):
        def prepare_key(self, key):
            return key

    jws = jwt.PyJWS()
    jws.unregister_algorithm("HS256")
    jws.register_algorithm("HS256", Careless(HMACAlgorithm.SHA256))
    payload = json.dumps(claims).encode()
    return jws.encode(payload, PUBLIC_PEM, algorithm="HS256", headers={"kid": "ours"})


class Checks:
    def __init__(self, doorward):
        self.doorward = doorward
        self.failed = 0
        self.http = requests.Session()
        self.http.trust_env = False

    def expect(self, name, expected, actual):
        good = expected == actual
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'} {name}: {actual}" + ("" if good else f", expected {expected}"), flush=True)

    def post(self, source, body, headers, token):
        headers = dict(headers) | {"authorization": f"Bearer {token}"}
        return self.http.post(f"{self.doorward}/events/{source}", data=body, headers=headers, timeout=30)

    def status(self, name, expected, source, token):
        reply = self.post(source, denial(), {"content-type": "text/plain"}, token)
        self.expect(name, expected, reply.status_code)
        return reply

    def taken(self, name, reply, denials):
        receipt = reply.json()
        self.expect(name, (202, denials, denials), (reply.status_code, receipt.get("denials"), receipt.get("new")))


def publish(checks, token):
    """Azure's own publisher. It posts to any endpoint and takes only 200 for success, where
    Event Grid's delivery, for which doorward is made, takes 202 as well."""
    endpoint, key = f"{checks.doorward}/events/grid", AzureKeyCredential("unused")
    client = EventGridPublisherClient(endpoint, key)
    # The client warns that a CloudEvent has no attribute `headers`, and sends them all the same.
    logging.disable(logging.WARNING)
    grid_events = [
        EventGridEvent(subject=f"build/{number}", event_type="Contoso.Build.Failed", data_version="1", data=data)
        for number, data in enumerate([{"log": denial()}, {"log": "all is well"}, {"steps": [{"error": denial("20.99.1.2")}]}])
    ]
    cloud_events = [
        AzureCloudEvent(source="/builds", type="contoso.build.failed", data={"log": denial()}),
        AzureCloudEvent(source="/builds", type="contoso.build.failed", data=denial("20.99.1.3")),
    ]
    for name, events in [("an array of Event Grid events", grid_events), ("a batch of CloudEvents", cloud_events)]:
        try:
            client.send(events, headers={"Authorization": f"Bearer {token}"})
            checks.expect(f"azure-eventgrid, {name}", 202, 200)
        except HttpResponseError as answer:
            receipt = json.loads(answer.response.text())
            checks.expect(
                f"azure-eventgrid, {name}",
                (202, len(events), 2, []),
                (answer.status_code, receipt.get("records"), receipt.get("denials"), receipt.get("bad")),
            )
    try:
        client.send(grid_events)
        checks.expect("azure-eventgrid without a token", 401, 200)
    except HttpResponseError as answer:
        checks.expect("azure-eventgrid without a token", 401, answer.status_code)


def cloud_events(checks, token):
    def event(data, kind="application/json"):
        attributes = {
            "id": str(uuid.uuid4()), "source": "/builds", "type": "contoso.build.failed", "specversion": "1.0",
            "datacontenttype": kind,
        }
        return CloudEvent(attributes=attributes, data=data)

    structured = binding.to_structured_event(event({"log": denial()}))
    checks.taken("cloudevents, structured", checks.post("grid", structured.body, structured.headers, token), 1)
    binary = binding.to_binary_event(event({"log": denial()}))
    checks.taken("cloudevents, binary mode", checks.post("grid", binary.body, binary.headers, token), 1)
    text = binding.to_binary_event(event(denial(), "text/plain"))
    checks.taken("cloudevents, binary mode with text", checks.post("grid", text.body, text.headers, token), 1)
    bodies = [binding.to_structured_event(event({"log": denial()})).body for _ in range(2)]
    batch = b"[" + b",".join(bodies) + b"]"
    kind = {"content-type": "application/cloudevents-batch+json"}
    checks.taken("cloudevents, batch", checks.post("grid", batch, kind, token), 2)
    again = checks.post("grid", batch, kind, token)
    checks.expect("cloudevents, the same batch again", (202, 2, 0), (again.status_code, again.json()["denials"], again.json()["new"]))
    options = checks.http.options(
        f"{checks.doorward}/events/grid",
        headers={"webhook-request-origin": "eventgrid.azure.net", "authorization": f"Bearer {token}"},
        timeout=30,
    )
    checks.expect("cloudevents, handshake", "eventgrid.azure.net", options.headers.get("webhook-allowed-origin"))


def tokens(checks, authority):
    now = int(time.time())
    grid = lambda **changes: event_grid_claims(authority, **changes)
    job = lambda **changes: job_claims(authority, **changes)
    v2 = {"iss": f"{authority}{TENANT}/v2.0", "appid": None, "azp": EVENT_GRID}
    for name, source, claims in [
        ("Event Grid, v1", "grid", grid()),
        ("Event Grid, v2", "grid", grid(**v2)),
        ("Event Grid, audience as URI", "grid", grid(aud=f"api://{US}")),
        ("action group", "groups", grid(appid=ACTION_GROUP)),
        ("a role", "roles", grid(roles=["AzureEventGridSecureWebhookSubscriber"])),
        ("expired within the leeway", "grid", grid(exp=now - 20)),
        ("a CI job", "jobs", job()),
    ]:
        checks.status(f"good: {name}", 202, source, rs256(claims))
    other = "77777777-0000-4000-8000-000000000007"
    for name, source, claims in [
        ("wrong aud", "grid", grid(aud=other)),
        ("missing aud", "grid", grid(aud=None)),
        ("wrong iss", "grid", grid(iss=f"https://sts.windows.net/{other}/")),
        ("missing iss", "grid", grid(iss=None)),
        ("wrong tid", "grid", grid(tid=other)),
        ("missing tid", "grid", grid(tid=None)),
        ("wrong appid", "grid", grid(appid=ACTION_GROUP)),
        ("missing appid", "grid", grid(appid=None)),
        ("wrong role", "roles", grid(roles=["Reader"])),
        ("expired", "grid", grid(exp=now - 120)),
        ("missing exp", "grid", grid(exp=None)),
        ("not yet valid", "grid", grid(nbf=now + 600)),
        ("oversized", "grid", grid(padding="x" * 18_000)),
        ("a job of another repository", "jobs", job(repository="fabrikam/api")),
        ("a job's token for another audience", "jobs", job(aud="https://other.example")),
        ("a job's token at another source", "grid", job()),
        ("Event Grid's token at a job's source", "jobs", grid()),
    ]:
        checks.status(f"hostile: {name}", 401, source, rs256(claims))
    good = grid()
    for name, token in [
        ("alg none", jwt.encode(good, None, algorithm="none", headers={"kid": "ours"})),
        ("HS256 with the public key", hs256_with_public_key(good)),
        ("RS512", jwt.encode(good, KEY, algorithm="RS512", headers={"kid": "ours"})),
        ("another's key under our kid", rs256(good, STRANGERS_KEY)),
        ("unknown kid", rs256(good, STRANGERS_KEY, "unknown")),
        ("no kid", jwt.encode(good, KEY, algorithm="RS256")),
        ("cut short", rs256(good)[:-10]),
        ("no token at all", ""),
    ]:
        checks.status(f"hostile: {name}", 401, "grid", token)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    authority = f"http://127.0.0.1:{server.server_port}/"
    print(authority, flush=True)
    checks = Checks(sys.stdin.readline().strip())
    publish(checks, rs256(event_grid_claims(authority)))
    cloud_events(checks, rs256(event_grid_claims(authority)))
    tokens(checks, authority)
    sys.exit(1 if checks.failed else 0)


main()
