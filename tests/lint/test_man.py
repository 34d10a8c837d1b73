# SPDX-License-Identifier: MIT
import pytest
import sources

PAGES = [f for f in sources.tracked() if f.parts[0] == "man" and f.suffix[1:].isdigit()]


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_has_no_finding(page, quiet):
    quiet("mandoc", "-T", "lint", "-W", "warning", page, cwd=sources.ROOT)


@pytest.mark.parametrize("page", PAGES)
def test_groff_has_no_warning(page, quiet):
    quiet("groff", "-mandoc", "-Tutf8", "-ww", "-z", page, cwd=sources.ROOT)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_named_in_its_own_title(page):
    text = (sources.ROOT / page).read_text()
    title, section = page.stem, page.suffix[1:]
    titles = [line.split()[1:3] for line in text.splitlines() if line.startswith((".TH ", ".Dt "))]
    assert [[word.strip('"').lower() for word in words] for words in titles] == [[title, section]]
