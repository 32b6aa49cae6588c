from collapse_bench.reports.terminal import case_line, check_line, header_lines

RECORD = {
    "outcome": "inconclusive",
    "estimate": 0.25,
    "low": None,
    "high": 0.5,
    "tolerate": 0.05,
    "detect": 0.2,
    "reason": "too few",
    "quantity": "variance",
}


def test_a_check_is_one_line_with_its_interval():
    assert check_line("test_a", RECORD) == (
        "  INCONCLUSIVE  test_a: loss 0.250 [-, 0.500] of the variance, tolerate 0.05, "
        "detect 0.2; too few"
    )
    assert check_line("test_a", None) == "  NOT RUN       test_a"


def test_nothing_of_a_user_reaches_the_terminal_raw():
    case = {"model": "\x1b[2J", "how": "as\ngiven", "size": 10, "drawn": True}
    case |= {"reference_size": 20, "reference": "\u202e"}
    lines = [
        case_line("gate/test_a", case, "m"),
        case_line("\x1b", None, "m"),
        check_line("\x1b]0;x\x07", {**RECORD, "reason": "\x9b"}),
        *header_lines(seed=0, profile="ci", device="cpu", remarks=["\x1b[31m"]),
    ]

    assert all(line.isprintable() for line in lines)


def test_the_header_says_the_cap_before_anything_is_drawn():
    gate = {"alpha": 0.01, "beta": 0.05, "max_samples": 5000, "cases": ["m against r"]}
    lines = header_lines(seed=7, profile="ci", device="cpu", gate=gate)

    assert lines == [
        "collapse: seed 7, device cpu, profile ci, alpha 0.01, beta 0.05",
        "collapse: m against r",
        "collapse: no more than 5,000 samples are drawn from a model",
    ]
