"""One pull: every endpoint in order, at each every fitting credential, until the image is here."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx

from k3py.base.clock import Clock
from k3py.image.auth import Credential, matching
from k3py.image.errors import AccessDenied, ImageError, StorageFailed
from k3py.image.install import Installer, OnProgress, Resolved, resolve
from k3py.image.manifest import Descriptor, Platform
from k3py.image.reference import Reference
from k3py.image.registries import Endpoint, TlsSettings
from k3py.image.registry import RegistryClient, open_client


class Puller:
    """Pulls with fixed settings. ``retry_delay_seconds`` is the first pause after a broken connection."""

    def __init__(self, installer: Installer, platform: Platform, clock: Clock, retry_delay_seconds: float) -> None:
        self._installer = installer
        self._platform = platform
        self._clock = clock
        self._retry_delay_seconds = retry_delay_seconds

    async def pull(
        self,
        reference: Reference,
        endpoints: Sequence[Endpoint],
        credentials: Sequence[Credential],
        on_progress: OnProgress | None,
    ) -> str:
        """Have the image in the cache under its name; answers the digest that the name led to.

        Raises:
            ImageError: no endpoint gave it. The class is that of the last endpoint, which is the registry itself; the
                message tells of all.
        """
        told: list[str] = []
        async with AsyncExitStack() as stack:
            clients: dict[TlsSettings, httpx.AsyncClient] = {}
            for last, endpoint in ((e is endpoints[-1], e) for e in endpoints):
                try:
                    if endpoint.tls not in clients:
                        clients[endpoint.tls] = await stack.enter_async_context(open_client(endpoint.tls))
                    return await self._pull_from(endpoint, reference, credentials, clients[endpoint.tls], on_progress)
                except ImageError as error:
                    told.append(str(error))
                    if last or isinstance(error, StorageFailed):
                        raise type(error)(
                            f"cannot pull {reference}: {'; before that: '.join(reversed(told))}"
                        ) from error
        raise AssertionError("there is always the registry itself")

    async def _pull_from(
        self,
        endpoint: Endpoint,
        reference: Reference,
        credentials: Sequence[Credential],
        client: httpx.AsyncClient,
        on_progress: OnProgress | None,
    ) -> str:
        registry, resolved = await self._resolve(endpoint, reference, credentials, client)
        await self._installer.install(resolved, [str(reference)], [reference.name], registry.blob, on_progress)
        return resolved.digest

    async def _resolve(
        self,
        endpoint: Endpoint,
        reference: Reference,
        credentials: Sequence[Credential],
        client: httpx.AsyncClient,
    ) -> tuple[RegistryClient, Resolved]:
        """Find the image with the first credential that the endpoint takes; anonymously only if there is none."""
        fitting: list[Credential | None] = [*matching(credentials, endpoint.host, endpoint.repository)]
        if endpoint.credential is not None:
            fitting.append(endpoint.credential)
        denied: AccessDenied | None = None
        for credential in fitting or [None]:
            registry = RegistryClient(endpoint, credential, client, self._clock, self._retry_delay_seconds)

            async def get_document(descriptor: Descriptor, registry: RegistryClient = registry) -> bytes:
                return (await registry.document(descriptor.digest)).data

            try:
                top = await registry.document(reference.target)
                return registry, await resolve(
                    top.digest, top.data, top.media_type, self._platform, get_document, registry.blob
                )
            except AccessDenied as error:
                denied = error
        assert denied is not None
        raise denied
