"""The student's page and the class's page: what they say, that nothing in them acts, that they can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grader.emit import class_page, feedback_page, folder_names
from grader.emit.wording import title_of_test
from grader.results import Record
from grader.session.outcomes import Diagnosis
from tests import sample_class

TEMPLATES = Path("grader/emit/templates")
BLOCKS = {"p", "li", "strong", "h1", "h2", "div", "span", "td", "th", "title"}
VOID = {"meta", "line", "rect", "br"}


class Page(HTMLParser):
    """A page taken apart: its elements, its text, and whether its tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in BLOCKS else ""
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return sample_class.records()


def _named(records: Sequence[Record], name: str) -> Record:
    return next(record for record in records if record.submission.startswith(name))


def _words(page: Page) -> str:
    return " ".join(page.text.split())


def _index(records: Sequence[Record]) -> Page:
    links = folder_names(record.submission for record in records)
    return Page(class_page(records, links=links, titles=sample_class.TITLES))


def _feedback(record: Record) -> Page:
    return Page(feedback_page(record, titles=sample_class.TITLES))


@pytest.fixture(scope="module")
def pages(records: list[Record]) -> dict[str, Page]:
    return {"index": _index(records)} | {record.submission: _feedback(record) for record in records}


class TestEveryPage:
    def test_closes_what_it_opens(self, pages: dict[str, Page]) -> None:
        assert {name: page.crossed + page.open for name, page in pages.items() if page.crossed or page.open} == {}

    def test_stands_alone_and_runs_nothing(self, pages: dict[str, Page]) -> None:
        for page in pages.values():
            assert {tag for tag, _ in page.elements} & {
                "script",
                "img",
                "iframe",
                "link",
                "object",
                "form",
                "a:",
            } == set()
            assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
            assert page.attributes("src") == []
            assert all(re.match(r"#|\./", link) for link in page.attributes("href"))
            assert "default-src 'none'" in page.attributes("content")[0]

    def test_fits_a_phone_and_knows_light_and_dark(self, pages: dict[str, Page]) -> None:
        for page in pages.values():
            assert "width=device-width, initial-scale=1" in page.attributes("content")
            assert "light dark" in page.attributes("content")

    def test_gives_no_two_elements_one_id(self, pages: dict[str, Page]) -> None:
        for page in pages.values():
            ids = page.attributes("id")
            assert len(ids) == len(set(ids))


class TestHostileText:
    ATTACKS = (
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "{{ 7 * 7 }}",
        "&lt;",
    )

    @pytest.mark.parametrize("attack", ATTACKS)
    def test_is_shown_as_it_was_written_wherever_it_stands(self, attack: str) -> None:
        modules = sample_class.hand_in()
        part = modules["A2"][0].parts[0]
        sample_class.spoil(part, "failed", range(5), attack, attack)
        part.title = part.tests[0].name = attack
        part.diagnosis = [Diagnosis("id", attack, attack)]
        modules["A2"][1].message = attack
        record = sample_class.record(attack, modules)
        for page in (_feedback(record), _index([record, record])):
            assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
            assert {tag for tag, _ in page.elements} & {"script", "img"} == set()
            assert attack in page.text
            assert page.crossed == page.open == []

    def test_in_a_name_leads_no_link_astray(self) -> None:
        record = sample_class.record("javascript:alert(1)//", sample_class.hand_in(sample_class.attack))
        links = _index([record]).attributes("href")
        assert links
        assert all(link.startswith(("./javascript_alert%281%29__-", "./gradebook.csv")) for link in links)


class TestFeedback:
    def test_says_score_parts_and_what_each_earned(self, records: list[Record]) -> None:
        words = _words(_feedback(_named(records, "chiara")))
        assert "A2 · Linear classifiers and a two-layer net chiara-three-mistakes 84.2 of 100 points" in words
        assert "16 of 19 parts earn full points." in words
        assert "SVM loss without loops 4.8 / 12 partly svm_loss_vectorized" in words

    def test_gives_message_diagnosis_hint_and_tests(self, records: list[Record]) -> None:
        words = _words(_feedback(_named(records, "fatima")))
        assert "loss is 64 times what it should be" in words
        assert f"Behaves like {sample_class.SUMMED.title}. {sample_class.SUMMED.hint}" in words
        assert "holds for one item and two classes [float64] hidden , failed" in words

    def test_shows_a_public_tests_lines_as_they_are(self, records: list[Record]) -> None:
        page = _feedback(_named(records, "fatima"))
        assert "called    svm_loss_vectorized(W, X, y, reg=0.05)\n          W (3073, 10) float64" in page.text

    def test_says_a_message_once_where_part_and_test_agree(self, records: list[Record]) -> None:
        assert _feedback(_named(records, "fatima")).text.count("loss is 64 times") == 1

    def test_unfolds_what_asks_to_be_mended(self, records: list[Record]) -> None:
        page = _feedback(_named(records, "chiara"))
        parts = [attributes for tag, attributes in page.elements if tag == "details"]
        assert [attributes["id"] for attributes in parts if "open" in attributes] == [
            "A2-linear_classifier-svm_loss_vectorized",
            "A2-linear_classifier-predict_linear_classifier",
            "A2-two_layer_net-nn_forward_backward",
        ]

    def test_says_why_a_module_was_not_graded_once(self, records: list[Record]) -> None:
        text = _words(_feedback(_named(records, "gonzalo")))
        assert text.count("'(' was never closed") == 1
        assert "Could not be loaded." in text

    def test_says_that_a_grader_error_is_not_final(self, records: list[Record]) -> None:
        assert "Not final." in _words(_feedback(_named(records, "kit")))
        assert "Not final." not in _words(_feedback(_named(records, "ada")))

    def test_says_that_a_skipped_part_does_not_count(self, records: list[Record]) -> None:
        words = _words(_feedback(_named(records, "kit")))
        assert "What the net reaches not counted skipped" in words
        assert "34.2 of 35" in words

    @pytest.mark.parametrize(("rule", "word"), [("after_due", "after the due date"), ("never", "is not shown")])
    def test_says_when_hidden_tests_show(self, records: list[Record], rule: str, word: str) -> None:
        page = Page(feedback_page(_named(records, "kit"), visibility=rule))  # type: ignore[arg-type]
        assert word in _words(page)
        assert "hidden ," not in _words(page)

    def test_needs_no_titles(self, records: list[Record]) -> None:
        assert "A2 ada-complete 100 of 100 points" in _words(Page(feedback_page(_named(records, "ada"))))

    def test_says_that_there_was_no_sandbox(self) -> None:
        record = sample_class.record("ada", sample_class.hand_in(), sandbox="none")
        assert "Graded without a sandbox." in _words(_feedback(record))
        assert "Graded without a sandbox." in _words(_index([record]))

    def test_of_no_assignment_is_still_a_page(self) -> None:
        assert "0 of 0 points" in _words(_feedback(sample_class.record("ada", {})))


class TestIndex:
    def test_sums_up_the_class(self, records: list[Record]) -> None:
        words = _words(_index(records))
        assert "12 hand-ins 69.4 % mean score 88.5 % median score 1 with full points 1 grader error" in words

    def test_has_a_cell_a_part_with_its_points(self, records: list[Record]) -> None:
        page = _index(records)
        cells = [
            attributes for tag, attributes in page.elements if tag == "td" and "cell" in (attributes.get("class") or "")
        ]
        assert len(cells) == 12 * 19
        shades = {(attributes["class"] or "").split()[1] for attributes in cells}
        assert shades == {"full", "high", "low", "zero", "not_implemented", "skipped", "grader_error"}

    def test_counts_known_mistakes_the_most_common_first(self, records: list[Record]) -> None:
        text = _words(_index(records))
        titles = [f"3× behaves like {sample_class.SUMMED.title}", f"1× behaves like {sample_class.HALF.title}"]
        assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)

    def test_lists_grader_errors_and_modules_that_were_not_graded(self, records: list[Record]) -> None:
        words = _words(_index(records))
        assert (
            "A2/two_layer_net/find_best_net: the grader's own worker could not be started · kit-needs-memory" in words
        )
        assert "gonzalo-syntax-error A2/linear_classifier unloadable: linear_classifier.py, line 88" in words

    def test_links_to_pages_and_parts_that_exist(self, tmp_path: Path) -> None:
        sample_class.write(tmp_path)
        links = Page((tmp_path / "index.html").read_text(encoding="utf-8")).attributes("href")
        anchors = Page((tmp_path / "ada-complete/feedback.html").read_text(encoding="utf-8")).attributes("id")
        assert len({link.split("#")[0] for link in links}) == 12 + 1
        for link in links:
            file, _, spot = link.partition("#")
            assert (tmp_path / _unquoted(file)).is_file()
            assert not spot or spot in anchors

    def test_draws_the_distribution_with_its_numbers(self, records: list[Record]) -> None:
        page = _index(records)
        assert sum(tag == "rect" for tag, _ in page.elements) == 6
        assert "90–100 %: 6" in _words(page)

    def test_folds_long_lists(self) -> None:
        many = [sample_class.record(f"s{i:03}", sample_class.outcomes()["fatima-summed"]) for i in range(40)]
        words = _words(_index(many))
        assert "40× behaves like" in words
        assert "and 34 more" in words

    def test_has_a_table_for_each_assignment(self) -> None:
        both = {**sample_class.hand_in(), "A3": sample_class.hand_in()["A2"][:1]}
        page = _index([sample_class.record("ada", both), sample_class.record("bob", sample_class.hand_in())])
        assert sum(tag == "table" for tag, _ in page.elements) == 2


def _unquoted(link: str) -> str:
    return re.sub(r"((?:%[0-9A-F]{2})+)", lambda match: bytes.fromhex(match[1].replace("%", "")).decode(), link)


class TestColours:
    """WCAG AA: 4.5 : 1 for text, in both modes."""

    PAIRS = (
        ("ink", "paper"), ("ink", "ground"), ("soft", "paper"), ("soft", "ground"),
        ("accent", "paper"), ("accent", "ground"),
        ("good", "good-tint"), ("part", "part-tint"), ("part", "low-tint"), ("bad", "bad-tint"), ("bad", "paper"),
        ("good", "paper"), ("none", "none-tint"), ("ink", "none-tint"), ("fault", "fault-tint"), ("fault", "paper"),
    )  # fmt: skip

    def _palettes(self, root: Path) -> dict[str, dict[str, str]]:
        css = (root / TEMPLATES / "style.css").read_text(encoding="utf-8")
        light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in css.split("@media", 1))
        return {"light": light, "dark": {**light, **dark}}

    @pytest.mark.parametrize("mode", ["light", "dark"])
    @pytest.mark.parametrize(("text", "ground"), PAIRS)
    def test_text_stands_out_from_its_ground(self, root: Path, mode: str, text: str, ground: str) -> None:
        palette = self._palettes(root)[mode]
        assert _contrast(palette[text], palette[ground]) >= 4.5

    @pytest.mark.parametrize("mode", ["light", "dark"])
    @pytest.mark.parametrize("bar", ["good-bar", "part-bar", "accent"])
    def test_bars_stand_out_from_theirs(self, root: Path, mode: str, bar: str) -> None:
        palette = self._palettes(root)[mode]
        assert min(_contrast(palette[bar], palette[ground]) for ground in ("paper", "ground")) >= 3

    def test_contrast_is_measured_as_the_guideline_does(self) -> None:
        assert _contrast("#000000", "#ffffff") == pytest.approx(21)
        assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours. Source: WCAG 2.1, success criterion 1.4.3."""
    dark, light = sorted(_luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("test_is_symmetric", "is symmetric"),
        ("test_is_symmetric[float32-big_one]", "is symmetric [float32-big_one]"),
        ("test_public.py::TestNet::test_is_symmetric", "is symmetric"),
        ("plain words", "plain words"),
        ("test_", "test_"),
    ],
)
def test_a_tests_name_is_shown_as_its_sentence(name: str, title: str) -> None:
    assert title_of_test(name) == title
