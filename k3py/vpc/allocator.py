"""Which pod gets which addresses, from which blocks. Decides; what it says has to be kept before anybody hears it.

Every method changes the state at once and returns the rows that say so. Rows are kept in the order in which they were
returned, each list as a whole; then no crash between two of them gives an address twice: an address that is given
again was given back in an earlier list or in the same one.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType
from typing import Final

import msgspec

from k3py.model.vpc_socket import CONFLICT, EGRESS_EXHAUSTED
from k3py.store.log import Puts
from k3py.vpc.pool import Pool
from k3py.vpc.ports import NetworkProblem
from k3py.vpc.rows import OUTSIDE_POOL, Attachment, BlockRow, Kept, PodRow, VpcRow, put_block, put_pod, put_released

# A new block is asked for when fewer addresses are free than this share of a block: pods need not wait for it then.
LOW_SHARE: Final = 8

BlockKey = tuple[int, IPv4Network]
"""VPC id and slice."""


class NeedsBlock(Exception):
    """No address of the VPC's blocks is free."""


class Allocator:
    """The addresses of one node. ``egress_range``: for sources towards the outside; first and last are not used."""

    def __init__(self, egress_range: IPv4Network) -> None:
        self._pools: dict[int, Pool] = {}
        self._outside = Pool({int(egress_range.network_address), int(egress_range.broadcast_address)})
        self._outside.add(egress_range)
        self._egress_range = egress_range
        self._pods: dict[str, PodRow] = {}
        self._blocks: dict[BlockKey, BlockRow] = {}
        self._number = 0

    def restore(self, kept: Kept) -> Puts:
        """Take up what an earlier life has kept. The rows: outside addresses that another egress range calls for.

        Raises:
            NetworkProblem: EgressExhausted, when the range is too small for the pods that there are.
        """
        self._number = max((number for pool in kept.released.values() for number in pool.values()), default=0)
        self._pods = dict(kept.pods)
        for block in kept.blocks:
            self._blocks[block.vpc_id, block.cidr] = block
        vpc_ids = {pod.vpc_id for pod in kept.pods.values()} | {block.vpc_id for block in kept.blocks}
        for vpc_id in vpc_ids:
            pool = self._pools[vpc_id] = Pool(_never(kept.vpcs[vpc_id].cidr) if vpc_id in kept.vpcs else ())
            used = [int(pod.ipv4) for pod in kept.pods.values() if pod.vpc_id == vpc_id]
            pool.restore(used, kept.released.get(str(vpc_id), {}))
        for block in kept.blocks:
            if not block.leaving:
                self._pools[block.vpc_id].add(block.cidr)
        inside = {a: n for a, n in kept.released.get(OUTSIDE_POOL, {}).items() if IPv4Address(a) in self._egress_range}
        self._outside.restore([int(a) for pod in kept.pods.values() for a in _outside(pod)], inside)
        return self._move_outside(kept.released.get(OUTSIDE_POOL, {}).keys() - inside.keys())

    @property
    def pods(self) -> Mapping[str, PodRow]:
        """By uid."""
        return MappingProxyType(self._pods)

    @property
    def blocks(self) -> Mapping[BlockKey, BlockRow]:
        """This node's, also those that are leaving."""
        return MappingProxyType(self._blocks)

    def allocate(self, uid: str, vpc: VpcRow, *, outside: bool = True) -> Puts:
        """See to it that the pod has its addresses; no rows when it had them. ``outside`` False: it needs no way out.

        Raises:
            NeedsBlock: no address is free; get a block.
            NetworkProblem: Conflict, when the pod has an address of another VPC; EgressExhausted.
        """
        known = self._pods.get(uid)
        if known is not None:
            if known.vpc != vpc.name:
                raise NetworkProblem(
                    CONFLICT,
                    f'cannot give pod {uid} an address of VPC "{vpc.name}": it has {known.ipv4} of "{known.vpc}"; '
                    "detach it first",
                )
            return self._open_way_out(uid, known) if outside and vpc.masquerade else []
        pool = self._pool(vpc)
        if not pool.free():
            raise NeedsBlock
        puts: Puts = []
        ways_out = self._ways_out(uid, puts) if outside and vpc.masquerade else (None, None)
        address = pool.take()
        assert address is not None
        puts.append(put_released(str(vpc.id), address, None))
        row = self._pods[uid] = PodRow(vpc.name, vpc.id, IPv4Address(address), *ways_out)
        puts.append(put_pod(uid, row))
        return puts

    def attach(self, uid: str, attachment: Attachment | None) -> Puts:
        """Note what the pod, which has an address, hangs on; no rows when that is known."""
        row = self._pods[uid]
        if row.attachment == attachment:
            return []
        row = self._pods[uid] = msgspec.structs.replace(row, attachment=attachment)
        return [put_pod(uid, row)]

    def release(self, uid: str) -> Puts:
        """The pod is gone: its addresses may be given again, after all others. No rows when it is not known."""
        row = self._pods.pop(uid, None)
        if row is None:
            return []
        self._number += 1
        puts = [put_pod(uid, None)]
        if self._pools[row.vpc_id].give_back(int(row.ipv4), self._number):
            puts.append(put_released(str(row.vpc_id), int(row.ipv4), self._number))
        for address in _outside(row):
            if self._outside.give_back(int(address), self._number):
                puts.append(put_released(OUTSIDE_POOL, int(address), self._number))
        return puts

    def add_block(self, vpc: VpcRow, cidr: IPv4Network) -> Puts:
        """This node owns the slice: give from it. No rows when that is known."""
        row = BlockRow(vpc.name, vpc.id, cidr)
        if self._blocks.get((vpc.id, cidr)) == row:
            return []
        self._blocks[vpc.id, cidr] = row
        self._pool(vpc).add(cidr)
        return [put_block(row)]

    def leave_block(self, key: BlockKey) -> Puts:
        """Give from this block no more; its pods stay."""
        row = self._blocks[key] = msgspec.structs.replace(self._blocks[key], leaving=True)
        forgotten = self._pools[row.vpc_id].remove(row.cidr)
        return [put_block(row), *(put_released(str(row.vpc_id), each, None) for each in forgotten)]

    def drop_block(self, key: BlockKey) -> Puts:
        """This node owns the block no longer."""
        if key not in self._blocks:
            return []
        puts = self.leave_block(key)
        puts[0] = put_block(self._blocks.pop(key), remove=True)
        return puts

    def forget(self, vpc_id: int) -> None:
        """The VPC, of which this node has neither pods nor blocks, is gone; its id may be another's some day."""
        self._pools.pop(vpc_id, None)

    def pods_in(self, key: BlockKey) -> int:
        """How many pods have an address of the block."""
        return self._pools[key[0]].used_in(key[1])

    def pods_of(self, vpc_id: int) -> int:
        """How many pods of the VPC this node has."""
        return len(self._pools[vpc_id].used) if vpc_id in self._pools else 0

    def free(self, vpc_id: int) -> int:
        """How many pods of the VPC could get an address now."""
        return self._pools[vpc_id].free() if vpc_id in self._pools else 0

    def wants_block(self, vpc_id: int) -> bool:
        """The VPC has pods here, and its blocks are nearly full: a new one should be got ahead of time."""
        pool = self._pools.get(vpc_id)
        if pool is None or not pool.used:
            return False
        size = max((network.num_addresses for network in pool.ranges), default=0)
        return pool.free() < max(1, size // LOW_SHARE)

    def releasable(self, closing: Iterable[int]) -> list[BlockKey]:
        """Blocks that may be given back: empty ones but one per VPC, and all empty ones of the VPCs ``closing``."""
        ends, spare, result = set(closing), set[int](), []
        for key, row in sorted(self._blocks.items()):
            if self.pods_in(key):
                continue
            if row.leaving or row.vpc_id in ends or row.vpc_id in spare:
                result.append(key)
            else:
                spare.add(row.vpc_id)
        return result

    def _pool(self, vpc: VpcRow) -> Pool:
        if vpc.id not in self._pools:
            self._pools[vpc.id] = Pool(_never(vpc.cidr))
        return self._pools[vpc.id]

    def _ways_out(self, uid: str, puts: Puts) -> tuple[IPv4Address, IPv4Address]:
        if self._outside.free() < 2:
            raise NetworkProblem(
                EGRESS_EXHAUSTED,
                f"cannot give pod {uid} a way out: all addresses of the egress range {self._egress_range} are in use, "
                "two per pod; give this node a larger one (--egress-range)",
            )
        first, second = self._outside.take(), self._outside.take()
        assert first is not None
        assert second is not None
        puts += [put_released(OUTSIDE_POOL, each, None) for each in (first, second)]
        return IPv4Address(first), IPv4Address(second)

    def _open_way_out(self, uid: str, row: PodRow) -> Puts:
        """For a pod that is older than its VPC's way out."""
        if row.outside_ipv4 is not None:
            return []
        puts: Puts = []
        first, second = self._ways_out(uid, puts)
        row = self._pods[uid] = msgspec.structs.replace(row, outside_ipv4=first, outside_native_ipv4=second)
        return [*puts, put_pod(uid, row)]

    def _move_outside(self, forgotten: Iterable[int]) -> Puts:
        puts: Puts = [put_released(OUTSIDE_POOL, each, None) for each in forgotten]
        for uid, row in self._pods.items():
            if any(each not in self._egress_range for each in _outside(row)):
                for each in _outside(row):
                    self._outside.give_back(int(each), 0)
                puts += self._open_way_out(uid, msgspec.structs.replace(row, outside_ipv4=None))
        return puts


def _outside(row: PodRow) -> list[IPv4Address]:
    return [each for each in (row.outside_ipv4, row.outside_native_ipv4) if each is not None]


def _never(cidr: IPv4Network) -> set[int]:
    """Network, first and broadcast address of a VPC's range: people and programs take them for something special."""
    first = int(cidr.network_address)
    return {first, first + 1, int(cidr.broadcast_address)}
