"""Who may work on the kernel at the same time."""

import asyncio

from k3py.vpc.kernel.locks import Locks


def test_pods_are_worked_on_side_by_side_each_of_them_once():
    async def story() -> None:
        locks = Locks()
        working: list[str] = []
        most: list[int] = []

        async def work(uid: str) -> None:
            async with locks.pod(uid):
                assert uid not in working
                working.append(uid)
                most.append(len(working))
                for _ in range(3):
                    await asyncio.sleep(0)
                working.remove(uid)

        await asyncio.gather(*(work(uid) for uid in "abab"))
        assert max(most) == 2
        assert not len(locks._pods)

    asyncio.run(story())


def test_work_on_everything_is_alone_and_is_not_overtaken():
    async def story() -> None:
        locks = Locks()
        order: list[str] = []
        leave = asyncio.Event()

        async def pod(uid: str) -> None:
            async with locks.pod(uid):
                order.append(f"{uid} begins")
                await leave.wait()
                order.append(f"{uid} ends")

        async def everything() -> None:
            async with locks.everything():
                order.append("everything begins")
                await asyncio.sleep(0)
                order.append("everything ends")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pod("early"))
            await asyncio.sleep(0)
            tasks.create_task(everything())
            await asyncio.sleep(0)
            tasks.create_task(pod("late"))
            await asyncio.sleep(0)
            leave.set()
        assert order == [
            "early begins", "early ends", "everything begins", "everything ends", "late begins", "late ends"
        ]  # fmt: skip

    asyncio.run(story())


def test_failures_and_cancellation_leave_no_lock_behind():
    async def story() -> None:
        locks = Locks()

        async def fails() -> None:
            async with locks.pod("a"):
                raise ValueError

        holding = asyncio.Event()

        async def holds() -> None:
            async with locks.pod("a"):
                holding.set()
                await asyncio.Event().wait()

        await asyncio.gather(fails(), return_exceptions=True)
        tasks = [asyncio.create_task(holds()) for _ in range(2)]
        await holding.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(1), locks.everything():
            assert not len(locks._pods)

    asyncio.run(story())
