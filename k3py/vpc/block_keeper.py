"""Gets slices of VPCs from the server, and gives empty ones back. Acts.

A block is this node's once the server has made the object; until then no address of it is given. One that is given
back is first taken out of use, durably, then out of the kernel, then deleted: a crash in between repeats the rest.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Network
from typing import Final

from k3py.base.backoff import Backoff
from k3py.base.clock import Clock
from k3py.base.turns import Turns
from k3py.client.port import Client
from k3py.model.errors import AlreadyExists, Forbidden, NotFound, Problem, Unavailable
from k3py.model.generated.core_v1 import Node
from k3py.model.generated.meta_v1 import ObjectMeta
from k3py.model.vpc_socket import NO_BLOCK, VPC_FULL
from k3py.model.vpc_v1 import VPCBlock, VPCBlockSpec, block_name
from k3py.vpc.allocator import BlockKey
from k3py.vpc.blocks import slice_count, slice_to_try
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.records import Records
from k3py.vpc.rows import VpcRow
from k3py.vpc.state import State

log = logging.getLogger(__name__)

# One request of a pod waits for at most so many tries; the next one goes on where they ended.
TRIES_MAX: Final = 64
RETRY_FIRST_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 30.0
# After a server did not answer, pods are told so at once for a moment, instead of waiting one after the other.
AWAY_SECONDS: Final = 2.0


class BlockKeeper:
    """This node's blocks. ``settle`` brings the kernel to what is wanted now (raises NetworkProblem)."""

    def __init__(
        self,
        state: State,
        records: Records,
        settle: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
        clock: Clock,
        source: random.Random,
    ) -> None:
        self._state, self._records, self._clock = state, records, clock
        self._settle, self._changed = settle, changed
        self._backoff = Backoff(source, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        self._turns = Turns()
        self._tries: dict[int, int] = {}
        self._lost: set[BlockKey] = set()
        self._unplaced: dict[str, VPCBlock] = {}
        self._wake = asyncio.Event()
        self._away_until = 0.0
        self.client: Client | None = None
        self.in_contact = False

    def poke(self) -> None:
        """Blocks may be nearly full, or empty: look."""
        self._wake.set()

    async def obtain(self, vpc: VpcRow) -> None:
        """Get a block of the VPC unless somebody has got one meanwhile.

        Raises:
            NetworkProblem: NoBlock, the server is away or refuses; VPCFull.
            LogFailed: it could not be kept.
        """
        async with self._turns.turn(str(vpc.id)):
            if not self._state.allocator.free(vpc.id) or self._state.allocator.wants_block(vpc.id):
                await self._create(vpc)

    async def run(self) -> None:
        """Keep one step ahead of the pods, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
                self._backoff.reset()
            except (NetworkProblem, Problem) as problem:
                log.info("blocks are looked at again soon: %s", problem)
                await asyncio.sleep(self._backoff.next_seconds())
                self._wake.set()

    # --- what the watch says

    def told(self, block: VPCBlock) -> None:
        """The server has a block of this node."""
        spec = block.spec
        if spec.node_name != self._state.config.node_name or block.metadata.deletion_timestamp is not None:
            return
        # By the id: a VPC that is gone, and still has pods here, may have had the same name.
        vpc = self._state.vpcs.get(spec.vpc_id) if spec.vpc_id else self._state.find_vpc(spec.vpc)
        try:
            cidr = IPv4Network(spec.cidr)
        except ValueError as error:
            log.warning("cannot use block %s: %s", block.metadata.name, error)
            return
        if vpc is None or vpc.name != spec.vpc or not cidr.subnet_of(vpc.cidr):
            # The watch of VPCs may be behind that of blocks.
            self._unplaced[block.metadata.name] = block
            return
        known = self._state.allocator.blocks.get((vpc.id, cidr))
        self._lost.discard((vpc.id, cidr))
        if known is None or not known.leaving:
            self._keep(vpc, cidr)
        self.poke()

    def vpcs_changed(self) -> None:
        """VPCs are others now: perhaps those of blocks that belonged to none."""
        unplaced, self._unplaced = self._unplaced, {}
        for block in unplaced.values():
            self.told(block)

    def told_gone(self, name: str) -> None:
        """The server has no block of this name. One with pods is asked for again; an empty one is forgotten."""
        self._unplaced.pop(name, None)
        for key, row in list(self._state.allocator.blocks.items()):
            if block_name(row.vpc, str(row.cidr)) == name:
                if self._state.allocator.pods_in(key) and not row.leaving:
                    self._lost.add(key)
                else:
                    self._drop(key)
        self.poke()

    def known_names(self) -> set[str]:
        """Names of the blocks that this node takes for its own."""
        return {block_name(row.vpc, str(row.cidr)) for row in self._state.allocator.blocks.values()}

    # --- acting

    async def _look(self) -> None:
        """Raises NetworkProblem, Problem: the first that there was; none keeps the rest from being done."""
        state, problems = self._state, list[Exception]()

        async def attempt(work: Awaitable[None]) -> None:
            try:
                await work
            except (NetworkProblem, Problem) as problem:
                problems.append(problem)

        for key in list(self._lost):
            await attempt(self._ask_again(key))
        for vpc in list(state.vpcs.values()):
            if vpc.active and state.allocator.wants_block(vpc.id):
                await attempt(self.obtain(vpc))
        for key in state.allocator.releasable(state.closing()):
            await attempt(self._give_back(key))
        puts = state.forget_vpcs()
        if puts:
            self._changed()
            await self._records.put(puts)
        if problems:
            raise problems[0]

    async def _create(self, vpc: VpcRow) -> None:
        client = self._reachable(vpc)
        await self._check_node(client, vpc)
        count = slice_count(vpc.cidr)
        for _ in range(min(TRIES_MAX, count)):
            attempt = self._tries.get(vpc.id, 0)
            if attempt >= count:
                break
            cidr = slice_to_try(vpc.cidr, self._state.config.node_name, attempt)
            known = (vpc.id, cidr) in self._state.allocator.blocks
            if not known and await self._claim(client, vpc, cidr):
                await self._keep(vpc, cidr)
                return
            self._tries[vpc.id] = attempt + 1
        if self._tries[vpc.id] < count:
            text = f"the {self._tries[vpc.id]} slices of it tried so far are other nodes'; the next try goes on"
            raise NetworkProblem(NO_BLOCK, f'cannot get a block of VPC "{vpc.name}": {text}')
        self._tries[vpc.id] = 0
        raise NetworkProblem(
            VPC_FULL,
            f'VPC "{vpc.name}" is full: all {count} slices of {vpc.cidr} have an owner; delete pods, or move '
            "workloads to a VPC with a larger range",
        )

    async def _claim(self, client: Client, vpc: VpcRow, cidr: IPv4Network) -> bool:
        """Whether the slice is this node's now."""
        name, node_name = block_name(vpc.name, str(cidr)), self._state.config.node_name
        spec = VPCBlockSpec(vpc=vpc.name, vpc_id=vpc.id, cidr=str(cidr), node_name=node_name)
        block = VPCBlock(metadata=ObjectMeta(name=name), spec=spec)
        try:
            try:
                await client.create(block)
                return True
            except AlreadyExists:
                there = await client.get(VPCBlock, name)
                return there.spec.node_name == node_name and there.metadata.deletion_timestamp is None
        except (NotFound, Forbidden):
            return False
        except Problem as problem:
            self._note(problem)
            raise NetworkProblem(NO_BLOCK, f'cannot get a block of VPC "{vpc.name}": {problem.message}') from problem

    def _reachable(self, vpc: VpcRow) -> Client:
        if self.client is None or self._clock.monotonic() < self._away_until:
            raise NetworkProblem(
                NO_BLOCK,
                f'cannot get a block of VPC "{vpc.name}": the server is away, and no address of this node\'s blocks '
                "is free; it goes on when the server is back",
            )
        return self.client

    def _note(self, problem: Problem) -> None:
        if isinstance(problem, Unavailable):
            self._away_until = self._clock.monotonic() + AWAY_SECONDS

    async def _check_node(self, client: Client, vpc: VpcRow) -> None:
        """A block is its node's, so the node has to be there first.

        The block has no owner reference: the garbage collector would remove it with the Node, while the VPC controller
        waits for the pods, whose addresses nobody else may get meanwhile.
        """
        name = self._state.config.node_name
        try:
            await client.get(Node, name)
        except Problem as problem:
            self._note(problem)
            why = f"cannot read node {name}: {problem.message}"
            raise NetworkProblem(NO_BLOCK, f'cannot get a block of VPC "{vpc.name}": {why}') from problem
        self.in_contact = True

    def _keep(self, vpc: VpcRow, cidr: IPv4Network) -> Awaitable[None]:
        puts = self._state.allocator.add_block(vpc, cidr)
        if puts:
            log.info("block %s of VPC %s is this node's", cidr, vpc.name)
            self._changed()
        return self._records.put(puts)

    async def _give_back(self, key: BlockKey) -> None:
        state = self._state
        client = self._reachable(state.vpcs[key[0]])
        row = state.allocator.blocks.get(key)
        if row is None or state.allocator.pods_in(key):
            return
        if not row.leaving:
            durable = self._records.put(state.allocator.leave_block(key))
            self._changed()
            await durable
        await self._settle()
        name = block_name(row.vpc, str(row.cidr))
        try:
            there = await client.get(VPCBlock, name)
            if there.spec.node_name == state.config.node_name:
                await client.delete(VPCBlock, name, uid=there.metadata.uid)
        except NotFound:
            log.debug("block %s was gone already", row.cidr)
        log.info("block %s of VPC %s is given back", row.cidr, row.vpc)
        self._drop(key)

    async def _ask_again(self, key: BlockKey) -> None:
        """For a block that was taken from this node while pods have addresses of it."""
        row, vpc = self._state.allocator.blocks.get(key), self._state.vpcs.get(key[0])
        if row is None or vpc is None or vpc.gone:
            self._lost.discard(key)
            return
        client = self._reachable(vpc)
        await self._check_node(client, vpc)
        if not await self._claim(client, vpc, row.cidr):
            log.error("block %s of VPC %s has another owner now; its pods here stay", row.cidr, row.vpc)
            self._changed()
            await self._records.put(self._state.allocator.leave_block(key))
        self._lost.discard(key)

    def _drop(self, key: BlockKey) -> None:
        puts = self._state.allocator.drop_block(key)
        self._lost.discard(key)
        if puts:
            self._changed()
            self._records.put(puts)
