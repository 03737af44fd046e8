"""Reads with numpy, XML and Graphviz what write_files wrote, and runs the programs that docs/files.md shows.

    python3 read_files.py WRITE_FILES DOCS_FILES_MD FOLDER

Exit status: 0 all as expected, 1 a difference, 77 there is no numpy.
"""

import csv
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree
import zipfile

try:
    import numpy
except ImportError:
    system = "/usr/bin/python3"  # the one that has the distribution's packages
    if os.path.exists(system) and os.path.realpath(sys.executable) != os.path.realpath(system):
        os.execv(system, [system, *sys.argv])
    print("skipped: Python has no numpy")
    sys.exit(1 if os.environ.get("STRATA_REQUIRE_ALL") else 77)

KINDS = ["residual", "attention", "mlp_residual", "mlp"]
TOKENS = [b'"a\\N<b>', b"&amp;", b"\n\t", "é日".encode(), b"\xe6\x97", b"]]>", b" end "]
LABELS = [re.sub("[\0-\x1f]", lambda m: f"\\x{ord(m[0]):02x}", t.decode(errors="backslashreplace")) for t in TOKENS]


def check_table(rows):
    assert zipfile.ZipFile("edges.npz").testzip() is None
    table = numpy.load("edges.npz")
    types = {"edge": "<i8", "kind": "u1", "layer": "<i4", "head": "<i4", "level": "<i4", "source": "<i4",
             "target": "<i4", "score": "<f4", "kind_names": "<U12"}
    assert {name: table[name].dtype for name in table.files} == {n: numpy.dtype(t) for n, t in types.items()}
    assert table["kind_names"].tolist() == KINDS
    assert [int(row["position"]) for row in rows] == list(range(len(rows)))
    assert table["kind_names"][table["kind"]].tolist() == [row["kind"] for row in rows]
    assert table["head"].tolist() == [int(row["head"] or -1) for row in rows]
    assert table["score"].tolist() == numpy.array([row["score"] for row in rows], "f4").tolist()
    for name in "edge", "layer", "level", "source", "target":
        assert table[name].tolist() == [int(row[name]) for row in rows], name


def check_graphml(rows):
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = xml.etree.ElementTree.parse("trace.graphml").getroot().find(space + "graph")
    data = [{d.get("key"): d.text for d in e.findall(space + "data")} for e in graph]
    nodes = {e.get("id"): d for e, d in zip(graph, data) if e.tag == space + "node"}
    edges = [(e, d) for e, d in zip(graph, data) if e.tag == space + "edge"]
    for name, about in nodes.items():
        assert name == f"n{about['level']}_{about['token']}"
        assert about["text"] == LABELS[int(about["token"])], about
    assert len(edges) == len(rows)
    for (e, about), row in zip(edges, rows):
        assert e.get("source") == f"n{int(row['level']) - 1}_{row['source']}"
        assert e.get("target") == f"n{row['level']}_{row['target']}"
        assert about == {k: row[k] for k in ("kind", "layer", "head", "position", "score") if row[k] != ""}
    assert set(nodes) == {e.get(end) for e, _ in edges for end in ("source", "target")}
    return nodes


def check_dot(rows, nodes):
    """Every node and edge is drawn, tokens are columns, levels are rows, the labels are the tokens."""
    if not shutil.which("dot"):
        print("trace.dot is not drawn: there is no dot")
        return
    drawn = {}
    arrows = []
    svg = subprocess.run(["dot", "-Tsvg", "trace.dot"], check=True, capture_output=True).stdout
    space = "{http://www.w3.org/2000/svg}"
    for group in xml.etree.ElementTree.fromstring(svg).iter(space + "g"):
        title = group.find(space + "title")
        text = group.find(".//" + space + "text")
        if group.get("class") == "node":
            label = "" if text is None else text.text.replace("\xa0", " ")
            drawn[title.text] = label
        elif group.get("class") == "edge":
            arrows.append(title.text)
    assert drawn == {name: about["text"] for name, about in nodes.items()}, drawn
    assert sorted(arrows) == sorted(f"n{int(r['level']) - 1}_{r['source']}->n{r['level']}_{r['target']}" for r in rows)
    plain = subprocess.run(["dot", "-Tplain", "trace.dot"], check=True, capture_output=True, encoding="utf-8").stdout
    places = [line.split()[1:4] for line in plain.split("\n") if line.startswith("node ")]
    origin = None
    for name, x, y in sorted(places):
        level, token = map(int, name[1:].split("_"))
        corner = (float(x) - 1.5 * token, float(y) - 0.75 * level)
        origin = origin or corner
        assert all(abs(a - b) < 0.01 for a, b in zip(corner, origin)), (name, x, y)


def check_documentation(program, text, rows):
    """The programs of the page run as they stand there, and give what the table says."""
    order = [int(row["edge"]) for row in rows]
    found = {}
    blocks = re.findall("^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, found)  # pylint: disable=exec-used
    attention = [(int(row["layer"]), int(row["head"])) for row in rows if row["kind"] == "attention"]
    assert found["heads"].T.tolist() == [list(head) for head in sorted(set(attention))]
    assert found["count"].tolist() == [attention.count(head) for head in sorted(set(attention))]
    assert numpy.flatnonzero(found["kept"]).tolist() == sorted(order)
    assert [trace.tolist() for trace in found["traces"]] == [[], order[:5], order]
    complement = subprocess.run([program, ".", "complement.json"], check=True, capture_output=True).stdout
    assert [int(e) for e in complement.split()] == sorted(set(range(found["one"]["edges_total"])) - set(order))


def main():
    program, documentation, folder = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:])
    text = pathlib.Path(documentation).read_text(encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.chdir(folder)
    subprocess.run([program, "."], check=True)
    with open("edges.csv", encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    check_table(rows)
    check_dot(rows, check_graphml(rows))
    check_documentation(program, text, rows)
    print(f"{len(rows)} edges in every form")


main()
