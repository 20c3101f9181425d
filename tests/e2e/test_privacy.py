"""A name planted in every place of every input is found in nothing that the pipeline writes."""

import gzip
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.e2e.workflow_run import ROOT, snakemake
from tests.unit.cytometry.conftest import tube
from tests.unit.io.test_damaged_workspaces import WORKSPACE

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.io.tables import read_table

pytestmark = pytest.mark.e2e

NAME = "Nobody-Patientname"
# Section 7 of our notes on cytometry: keywords in which public files carry a person or a place.
KEYWORDS = re.split(
    ",",
    "$FIL,$SRC,$SMNO,$CELLS,$OP,$EXP,$PROJ,$COM,$INST,$INSTADDRESS,$DATE,$BTIM,$ETIM,"
    "FILENAME,GUID,ORIGINALGUID,EXPERIMENT NAME,TUBE NAME,EXPORT USER NAME,GROUPNAME,"
    "TUBENAME,USERSETTINGNAME,SAMPLE ID,PATIENT ID,CASE NUMBER,DATE DRAWN,PANEL NAME,"
    "CYTOMETER CONFIG NAME,&10PATIENT ID,&12SAMPLE ID,&10PT NAME,@SAMPLEID1,@SAMPLEID4,"
    "@LOCATION,@BARCODE,@Y2KDATE,PLATENAME,WELLID,LAST_MODIFIER,CYTNUM,$CYTSN,$CYT,"
    "$LAST_MODIFIED,$LAST_MODIFIER,$ORIGINALITY,$SYS,$UNICODE,$PLATEID,$PLATENAME,$WELLID,"
    "$TR,$CSMODE,$ABRT,$LOST,APPLY COMPENSATION,CREATOR,P1DISPLAY,$P1D,$P1F,$P1L,$P1O,$P1T,"
    "$P5CALIBRATION,$G1N,$GATING,$R1I,$P4V,$TIMESTEP,$VOL",
)
MARKERS = ("CD45", "CD3", "CD19", "CD20", "CD10", "CD34", "CD38")


def planted(events, *, keywords=None, names=None, labels=None, cut=None):
    """Bytes of an FCS file with the name in each segment and between them, offsets all right."""
    names = names or [channel.name for channel in events.channels]
    labels = labels or [f"{c.label} {NAME}" if c.label else NAME for c in events.channels]
    text = {
        "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(len(names)), "$TOT": str(len(events)),
    }  # fmt: skip
    for n, (name, label) in enumerate(zip(names, labels, strict=True), 1):
        text |= {f"$P{n}N": name, f"$P{n}B": "32", f"$P{n}E": "0,0", f"$P{n}R": "262144"}
        text[f"$P{n}S"] = label
    text |= dict.fromkeys(KEYWORDS, NAME) | {NAME: NAME, f"${NAME}": "1"} | (keywords or {})
    filler = f"OTHER {NAME} ".encode() * 3
    data = np.asarray(events.values, dtype="<f4").tobytes()
    after = f"/{NAME}/{NAME}/$P1D/{NAME}/".encode()

    def segment(places):
        pairs = {**text, **{key: f"{place:010d}" for key, place in places.items()}}
        return ("/" + "".join(f"{key}/{value}/" for key, value in pairs.items())).encode()

    keys = ("$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT", "$BEGINANALYSIS", "$ENDANALYSIS")
    start = 74 + len(filler)
    begin = start + len(segment(dict.fromkeys(keys, 0)))
    end = begin + len(data) - 1
    places = dict(zip(keys, (begin, end, end + 1, end + len(after),
                             end + len(after) + 1, end + 2 * len(after)), strict=True))  # fmt: skip
    offsets = (start, begin - 1, begin, end, end + len(after) + 1, end + 2 * len(after), 74,
               start - 1)  # fmt: skip
    head = b"FCS3.1" + NAME[:4].encode() + b"".join(f"{place:>8}".encode() for place in offsets)
    whole = head + filler + segment(places) + data + after + after + f"PK {NAME}".encode() * 9
    return whole[:cut]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over specimens, a control and gate files that all carry the name, after its end."""
    workdir = tmp_path_factory.mktemp("private")
    folder = workdir / "data" / f"ward of {NAME}"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "resources/gating", workdir / "gating")
    sound, _ = tube({"t8": 900, "t4": 500, "myeloid": 900, "b": 300}, MARKERS, spill=np.eye)
    names = [channel.name for channel in sound.channels]
    odd = [*names[:-1], f"{NAME}-A"]
    spill = {"$SPILLOVER": sound.spill}
    doubled = replace(
        sound,
        channels=(*sound.channels, sound.channels[-1], sound.channels[-1]),
        values=np.column_stack([sound.values, sound.values[:, -2:]]),
    )
    shuffled = replace(sound, values=np.random.default_rng(0).permutation(sound.values))
    gate_file = WORKSPACE.replace(b"bright", NAME.encode()).replace(b"A-A", b"D1-A")
    rows = {
        "sound": planted(sound, keywords=spill),
        "spill": planted(sound, keywords={"$SPILLOVER": f"1,{NAME},1"}),
        "odd-name": planted(sound, names=odd, labels=[NAME] * len(odd), keywords=spill),
        "doubled": planted(doubled, names=[*names, f"{NAME}-A", f"{NAME}-A"]),
        "shuffled": planted(shuffled, names=[*names[:-1], "Event"]),
        "cut": planted(sound, cut=4000),
        "mode": planted(sound, keywords={"$MODE": NAME}),
        "control": planted(sound, keywords=spill),
        # FlowKit opens no file whose time step is no number
        "gated": planted(sound, keywords=spill | {"$TIMESTEP": "0.01"}),
        "gated-badly": planted(sound, keywords=spill | {"$TIMESTEP": "0.01"}),
    }
    columns = (ROOT / "config/samples.tsv").read_text().split()
    sheet = []
    for day, (sample, content) in enumerate(rows.items()):
        path = folder / f"{NAME} {sample}.fcs"
        path.write_bytes(content)
        row = dict.fromkeys(columns, "") | {
            "sample_id": sample, "assay": "flow", "path": str(path), "batch": "b1",
            "panel": "b_cell_recovery",
        }  # fmt: skip
        if sample == "control":
            row |= {"specimen": "control", "control_for": "unstained"}
        else:
            row |= {"patient_id": "P", "day": str(day), "specimen": "BM"}
        if sample.startswith("gated"):
            row["workspace"] = str(folder / f"{NAME} {sample}.wsp")
            content = (
                gate_file
                if sample == "gated"
                else gate_file.replace(b"FSC-A", f"{NAME} X".encode())
            )
            content = content.replace(b"tube.fcs", path.name.encode())
            (folder / f"{NAME} {sample}.wsp").write_bytes(content)
        sheet.append(row)
    (workdir / "config").mkdir()
    shutil.copy(ROOT / "config/config.yaml", workdir / "config")
    pd.DataFrame(sheet).to_csv(workdir / "config/samples.tsv", sep="\t", index=False)
    (workdir / "config/patients.tsv").write_text("patient_id\tdisease\nP\tB-ALL\n")
    status, said = snakemake(workdir)
    assert status == 0, said
    return workdir


def readable_content(path):
    """What a person can read out of a file: its bytes, unpacked, and parquet as text."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content += gzip.decompress(content)
    if path.suffix == ".parquet":
        content += pd.read_parquet(path).to_csv().encode()
    return content


def written(workdir):
    inputs = {workdir / name for name in ("config", "data", "gating", ".snakemake")}
    return [
        path
        for path in sorted(workdir.rglob("*"))
        if path.is_file() and not inputs & {*path.parents}
    ]


def test_the_name_stands_in_no_output_and_no_log(run):
    files = written(run)
    kinds = {path.relative_to(run).parts[0] for path in files}
    assert {"results", "reports", "logs"} <= kinds
    assert {".tsv", ".html", ".log", ".xml", ".parquet", ".json"} <= {path.suffix for path in files}
    pattern = re.compile(b"nobody|patientname|ward of", re.IGNORECASE)
    found = []
    for path in files:
        content = readable_content(path)
        wide = content.decode("utf-16-le", errors="ignore").encode()
        hits = [*pattern.findall(content), *pattern.findall(wide)]
        hits += pattern.findall(str(path.relative_to(run)).encode())
        found += [(str(path.relative_to(run)), hits)] if hits else []
    assert found == []


def test_the_planted_files_were_analysed_or_refused_for_the_reason_planted(run):
    quality = read_table(QUALITY, run / "results/quality/quality.tsv")
    told = {(row["sample_id"], row["check"]): row["message"] for row in quality.to_dict("records")}
    assert "2600 events read" in told["sound", "readable"]
    assert "names a detector that the file does not have" in told["spill", "compensation"]
    assert "channel 12" in told["odd-name", "readable"]
    assert "channel 13" in told["doubled", "duplicate_channels"]
    assert "Event rises in only" in told["shuffled", "readable"]
    assert "$MODE is not L" in told["mode", "readable"]
    assert "truncated" in told["cut", "readable"]
    assert "does not have" in told["gated-badly", "readable"]
    assert told["gated", "gate_names"].startswith("1 gates")
    assert told["gated", "stored_counts"].startswith("2 of 2 gates")
    populations = read_table(POPULATIONS, run / "results/cytometry/populations.tsv")
    gated = populations[populations["sample_id"] == "gated"]
    assert set(gated["gate_path"]) == {"root/cells", "root/cells/gate 2"}
    sound = populations[populations["sample_id"] == "sound"]
    assert "QUANTIFIED" in set(sound["status"])
    assert (run / "results/cytometry/gates/P/sound.xml").exists()


def test_a_fault_that_nobody_foresaw_writes_no_foreign_text(tmp_path):
    import subprocess
    import sys

    script = tmp_path / "job.py"
    script.write_text(
        "from aftercar.io.joblog import start_log\n"
        f"start_log({str(tmp_path / 'job.log')!r})\n"
        f"try:\n    float('{NAME}'.upper())\n"
        f"except ValueError:\n    open('/absent/{NAME}'[:8] + 'Nobody' * 2)\n"
    )
    command = [sys.executable, "-c", script.read_text()]
    run = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "scripts")}, check=False)
    said = (tmp_path / "job.log").read_text()
    assert run.returncode == 1
    assert said.count("Traceback") == 2
    assert "FileNotFoundError: message withheld" in said
    assert "nobody" not in said.casefold()


def test_the_settings_of_the_run_are_those_of_the_configuration(run):
    # the search above would find nothing in a run that stopped early
    config = yaml.safe_load((run / "config/config.yaml").read_text())
    assert set(config["cytometry"]["panels"]) >= {"b_cell_recovery"}
    assert (run / "reports/patients/P.html").stat().st_size > 10_000
    assert (run / "reports/quality.html").exists()
