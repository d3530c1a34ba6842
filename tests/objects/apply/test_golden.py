"""The recorded answers of a real API server, as far as server-side apply alone decides them."""

from tests.objects.apply.replay import replayed

# Every comparison is the same; what stands around applies (names, YAML, validation) is compared with the whole API.
SAME = 214
ELSEWHERE_MAX = 21


def test_every_recorded_apply_and_update_owns_and_stores_the_same() -> None:
    scores = list(replayed())
    same, compared = sum(score.same for score in scores), sum(score.compared for score in scores)
    elsewhere = [place for score in scores for place in score.elsewhere]
    print(f"server-side apply: {same} of {compared} comparisons the same, {len(elsewhere)} steps decided elsewhere")
    assert "\n".join(each for score in scores for each in score.differences) == ""
    assert same >= SAME
    assert len(elsewhere) <= ELSEWHERE_MAX, "\n".join(elsewhere)
