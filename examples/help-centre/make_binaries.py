"""Make the two PDFs and the DOCX of the help centre from their Markdown sources.

Comes in: `sources/plans/price-list.md`, `sources/security/data-processing.md`, `sources/getting-started/onboarding-guide.md`.
Goes out: the same paths under `documents/`, as `.pdf`, `.pdf` and `.docx`.

Needs `pip install markdown python-docx` and Chromium on the PATH. The results are committed, so only an author
who changes a source runs this: `python make_binaries.py`.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import markdown
from docx import Document

HERE = Path(__file__).parent
PDFS = ("plans/price-list", "security/data-processing")
DOCX = ("getting-started/onboarding-guide",)

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
  @page {{ size: A4; margin: 24mm 22mm; }}
  body {{ font: 12pt/1.6 "DejaVu Sans", "Liberation Sans", sans-serif; color: #1b2430; }}
  h1 {{ font-size: 24pt; line-height: 1.2; margin: 0 0 10mm; border-bottom: 1.5pt solid #c9742b; padding-bottom: 4mm; }}
  h2 {{ font-size: 15pt; margin: 9mm 0 2mm; break-after: avoid; }}
  table {{ border-collapse: collapse; width: 100%; margin: 4mm 0; break-inside: avoid; }}
  th, td {{ text-align: left; padding: 2mm 3mm; border-bottom: 0.5pt solid #b9c0c9; }}
  th {{ background: #f3ece4; }}
</style></head>
<body>{body}</body></html>
"""


def write_pdf(source: Path, target: Path) -> None:
    """Render Markdown as HTML and let Chromium print it."""
    text = source.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is missing: install it and run this again.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(PAGE.format(title=title, body=markdown.markdown(text, extensions=["tables"])), encoding="utf-8")
        # Untagged, because text extractors read Chromium's tagged lines without the space between them.
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-pdf-tagging", "--no-pdf-header-footer",
             f"--user-data-dir={folder}/profile", f"--print-to-pdf={target}", page.as_uri()],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def write_docx(source: Path, target: Path) -> None:
    """Rebuild the few kinds of blocks that the source uses: headings, lists, tables and paragraphs."""
    document = Document()
    for block in re.split(r"\n{2,}", source.read_text(encoding="utf-8").strip()):
        lines = block.splitlines()
        if heading := re.match(r"(#+) (.*)", block):
            document.add_heading(heading[2], level=len(heading[1]))
        elif lines[0].startswith("|"):
            add_table(document, lines)
        elif re.match(r"\d+\. |- ", lines[0]):
            style = "List Bullet" if lines[0].startswith("-") else "List Number"
            for line in lines:
                add_text(document.add_paragraph(style=style), re.sub(r"^(\d+\.|-) ", "", line))
        else:
            add_text(document.add_paragraph(), " ".join(lines))
    document.core_properties.title = source.stem.replace("-", " ").capitalize()
    document.core_properties.author = "Ostrel Works B.V."
    document.save(str(target))


def add_table(document, lines: list[str]) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if not re.fullmatch(r"[|\-: ]+", line)
    ]
    table = document.add_table(rows=0, cols=len(rows[0]), style="Light Grid Accent 1")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def add_text(paragraph, text: str) -> None:
    for index, part in enumerate(text.split("**")):
        paragraph.add_run(part).bold = index % 2 == 1


def main() -> None:
    for name in PDFS:
        write_pdf(HERE / f"sources/{name}.md", HERE / f"documents/{name}.pdf")
    for name in DOCX:
        write_docx(HERE / f"sources/{name}.md", HERE / f"documents/{name}.docx")


if __name__ == "__main__":
    main()
