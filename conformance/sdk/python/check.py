"""The PyPI packages azure-communication-identity and -networktraversal, sync and aio, against a running exchange."""

import asyncio
import base64
import json
import os
import ssl
import sys
from datetime import datetime, timedelta, timezone

import aiohttp
from azure.communication.identity import (
    CommunicationIdentityClient,
    CommunicationTokenScope,
    CommunicationUserIdentifier,
)
from azure.communication.identity.aio import CommunicationIdentityClient as AioIdentityClient
from azure.communication.networktraversal import CommunicationRelayClient, RouteType
from azure.communication.networktraversal.aio import CommunicationRelayClient as AioRelayClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport

CONNECTION = os.environ["CENTRALE_CONNECTION_STRING"]
CA = os.environ["CENTRALE_CA"]
ENDPOINT = CONNECTION.split("endpoint=")[1].split(";")[0]
KEY = CONNECTION.split("accesskey=")[1]
VERSIONS = ["2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01"]
ALL_SCOPES = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"]


def claims(token):
    payload = token.split(".")[1]
    # As the vendor's own credential reads it: the standard alphabet, then ASCII.
    return json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii"))


def check_token(token, minutes=1440):
    # The package gives it as text, with seven fraction digits.
    ends = datetime.fromisoformat(token.expires_on[:26] + token.expires_on[27:])
    left = ends - datetime.now(timezone.utc)
    assert abs(left - timedelta(minutes=minutes)) < timedelta(minutes=minutes) * 0.05, left
    said = claims(token.token)
    assert abs(said["exp"] - ends.timestamp()) < 1, said
    return said


def refused(error, status, code=None, target=None):
    assert error.status_code == status, (error.status_code, error.message)
    if code:
        assert error.error and error.error.code == code, error.error
    if target:
        assert error.error.target == target, error.error


def expect(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


async def expect_aio(kind, call):
    try:
        await call
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


class Checks:
    """Each method named check_… is one outcome."""

    def __init__(self, version):
        self.version = version
        self.client = CommunicationIdentityClient.from_connection_string(CONNECTION, api_version=version)

    def check_create_user(self):
        user = self.client.create_user()
        assert user.raw_id.startswith("8:acs:00000000-0000-4000-8000-00000000cafe_"), user.raw_id
        assert user.raw_id.count("_") == 1
        assert user.properties["id"] == user.raw_id

    def check_users_differ(self):
        assert self.client.create_user().raw_id != self.client.create_user().raw_id

    def check_create_user_with_token(self):
        user, token = self.client.create_user_and_token(scopes=[CommunicationTokenScope.CHAT])
        said = check_token(token)
        assert said["skypeid"] == user.raw_id[2:] and said["acsScope"] == "chat", said

    def check_every_single_scope(self):
        user = self.client.create_user()
        for scope in ALL_SCOPES:
            said = check_token(self.client.get_token(user, [scope]))
            assert said["acsScope"] == scope, said

    def check_every_combination_of_scopes(self):
        user = self.client.create_user()
        for bits in range(1, 32):
            scopes = [scope for index, scope in enumerate(ALL_SCOPES) if bits >> index & 1]
            said = claims(self.client.get_token(user, scopes).token)
            assert set(said["acsScope"].split(",")) == set(scopes), said

    def check_validity_of_60_minutes(self):
        user, token = self.client.create_user_and_token(["voip"], token_expires_in=timedelta(minutes=60))
        check_token(token, 60)
        check_token(self.client.get_token(user, ["voip"], token_expires_in=timedelta(minutes=60)), 60)

    def check_validity_of_1440_minutes(self):
        user, token = self.client.create_user_and_token(["voip"], token_expires_in=timedelta(minutes=1440))
        check_token(token, 1440)

    def check_validity_out_of_range(self):
        user = self.client.create_user()
        for minutes in (59, 1441):
            span = timedelta(minutes=minutes)
            refused(expect(HttpResponseError, lambda: self.client.get_token(user, ["voip"], token_expires_in=span)),
                    400, "ValidationError", "ExpiresInMinutes")
            refused(expect(HttpResponseError, lambda: self.client.create_user_and_token(["voip"], token_expires_in=span)),
                    400, "ValidationError", "ExpiresInMinutes")

    def check_no_scopes(self):
        user = self.client.create_user()
        refused(expect(HttpResponseError, lambda: self.client.get_token(user, scopes=None)), 400, "ValidationError", "Scopes")

    def check_an_unknown_scope(self):
        user = self.client.create_user()
        refused(expect(HttpResponseError, lambda: self.client.get_token(user, ["everything"])), 400, "ValidationError", "Scopes")

    def check_revoke(self):
        user, _ = self.client.create_user_and_token(["voip"])
        assert self.client.revoke_tokens(user) is None
        check_token(self.client.get_token(user, ["voip"]))

    def check_delete(self):
        user = self.client.create_user()
        assert self.client.delete_user(user) is None
        error = expect(ResourceNotFoundError, lambda: self.client.get_token(user, ["voip"]))
        refused(error, 404)
        # Deleting again is what a retry does.
        assert self.client.delete_user(user) is None

    def check_unknown_user(self):
        stranger = CommunicationUserIdentifier(
            "8:acs:00000000-0000-4000-8000-00000000cafe_00000000-0000-4000-8000-0000000000ff")
        refused(expect(ResourceNotFoundError, lambda: self.client.get_token(stranger, ["voip"])), 404)
        refused(expect(ResourceNotFoundError, lambda: self.client.revoke_tokens(stranger)), 404)

    def check_malformed_user(self):
        refused(expect(HttpResponseError, lambda: self.client.get_token(CommunicationUserIdentifier("nonsense"), ["voip"])), 400)

    def check_wrong_key(self):
        other = base64.b64encode(b"not the key at all, but 32 bytes").decode()
        client = CommunicationIdentityClient(ENDPOINT, AzureKeyCredential(other), api_version=self.version)
        refused(expect(ClientAuthenticationError, client.create_user), 401)

    def check_endpoint_with_a_slash(self):
        client = CommunicationIdentityClient(ENDPOINT.rstrip("/") + "/", AzureKeyCredential(KEY), api_version=self.version)
        assert client.create_user().raw_id

    def check_teams_exchange_is_off(self):
        for token, app, user in (("nonsense", "a", "b"), ("", "", "")):
            error = expect(HttpResponseError, lambda: self.client.get_token_for_teams_user(token, app, user))
            refused(error, 401, "InvalidAccessToken")


class AioChecks:
    """The same through the asynchronous clients."""

    def __init__(self, version):
        self.version = version

    def client(self):
        context = ssl.create_default_context(cafile=CA)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        transport = AioHttpTransport(session=session, session_owner=True)
        return AioIdentityClient.from_connection_string(CONNECTION, api_version=self.version, transport=transport)

    async def check_create_issue_revoke_delete(self):
        async with self.client() as client:
            user, token = await client.create_user_and_token(scopes=ALL_SCOPES)
            check_token(token)
            check_token(await client.get_token(user, ["chat"], token_expires_in=timedelta(hours=2)), 120)
            assert await client.revoke_tokens(user) is None
            assert await client.delete_user(user) is None

    async def check_create_user(self):
        async with self.client() as client:
            assert (await client.create_user()).raw_id

    async def check_validity_out_of_range(self):
        async with self.client() as client:
            user = await client.create_user()
            for minutes in (59, 1441):
                call = client.get_token(user, ["voip"], token_expires_in=timedelta(minutes=minutes))
                refused(await expect_aio(HttpResponseError, call), 400, "ValidationError", "ExpiresInMinutes")

    async def check_teams_exchange_is_off(self):
        async with self.client() as client:
            refused(await expect_aio(HttpResponseError, client.get_token_for_teams_user("x", "a", "b")), 401, "InvalidAccessToken")


class RelayChecks:
    def __init__(self, version):
        self.identity = CommunicationIdentityClient.from_connection_string(CONNECTION)
        self.client = CommunicationRelayClient.from_connection_string(CONNECTION)

    def good(self, configuration, ttl=172800):
        left = (configuration.expires_on - datetime.now(timezone.utc)).total_seconds()
        assert ttl - 30 <= left <= ttl + 30, left
        assert configuration.ice_servers
        for server in configuration.ice_servers:
            assert server.username and server.credential and server.route_type, server
            assert 1 <= len(server.urls) <= 2 and any(url.startswith("turn") for url in server.urls), server.urls

    def check_for_a_user(self):
        self.good(self.client.get_relay_configuration(user=self.identity.create_user()))

    def check_for_nobody(self):
        self.good(self.client.get_relay_configuration())

    def check_routes(self):
        both = {server.route_type for server in self.client.get_relay_configuration().ice_servers}
        assert both == {RouteType.ANY, RouteType.NEAREST}, both
        for route in (RouteType.ANY, RouteType.NEAREST):
            configuration = self.client.get_relay_configuration(user=self.identity.create_user(), route_type=route)
            assert {server.route_type for server in configuration.ice_servers} == {route}

    def check_ttl(self):
        asked = datetime.now(timezone.utc)
        configuration = self.client.get_relay_configuration(ttl=5400)
        self.good(configuration, 5400)
        assert asked + timedelta(seconds=5400) <= configuration.expires_on + timedelta(milliseconds=1)

    def check_ttl_out_of_range(self):
        for ttl in (-1, 172801):
            refused(expect(HttpResponseError, lambda: self.client.get_relay_configuration(ttl=ttl)), 400)

    def check_deleted_user(self):
        user = self.identity.create_user()
        self.identity.delete_user(user)
        refused(expect(ResourceNotFoundError, lambda: self.client.get_relay_configuration(user=user)), 404)


class AioRelayChecks:
    def __init__(self, version):
        pass

    async def check_configuration(self):
        context = ssl.create_default_context(cafile=CA)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        transport = AioHttpTransport(session=session, session_owner=True)
        async with AioRelayClient.from_connection_string(CONNECTION, transport=transport) as client:
            configuration = await client.get_relay_configuration(route_type=RouteType.ANY)
            assert all(server.route_type == RouteType.ANY for server in configuration.ice_servers)


def run(label, checks):
    failures = 0
    for name in sorted(name for name in dir(checks) if name.startswith("check_")):
        outcome = f"{label}.{name[len('check_'):]}"
        try:
            result = getattr(checks, name)()
            if asyncio.iscoroutine(result):
                asyncio.run(result)
            print(f"pass {outcome}")
        except Exception as error:  # pylint: disable=broad-except
            failures += 1
            print(f"fail {outcome}: {type(error).__name__} {' '.join(str(error).split())[:300]}")
    return failures


def main():
    for version in VERSIONS:
        run(f"python.identity.{version}", Checks(version))
    for version in (VERSIONS[0], VERSIONS[-1]):
        run(f"python.identity.aio.{version}", AioChecks(version))
    try:
        CommunicationIdentityClient.from_connection_string(CONNECTION, api_version="1999-01-01").create_user()
        print("fail python.identity.unknown_version: it was accepted")
    except ValueError:
        # Some releases refuse it before they ask.
        print("pass python.identity.unknown_version")
    except HttpResponseError as error:
        good = error.status_code == 400 and error.error.code == "UnsupportedApiVersion"
        print("pass python.identity.unknown_version" if good else f"fail python.identity.unknown_version: {error}")
    run("python.relay", RelayChecks(None))
    run("python.relay.aio", AioRelayChecks(None))


if __name__ == "__main__":
    sys.exit(main())
