"""Named public files: where each comes from, how large it is, its checksum, licence and source."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rich.filesize import decimal

from dgsea_bench.core.errors import InputError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A public file.

    Attributes:
        name: what commands and scenarios call it.
        path: of the file below a folder of data, with ``/``.
        url: its address.
        checksum: of what is downloaded, in pooch's form, ``"sha256:…"``; None where none is known to us.
        size: bytes that are downloaded; None where they are not known to us.
        licence: under which it is published.
        citation: what to cite.
        note: what it is, in one line.
        unpacked: bytes after unpacking, about; given only for a gzipped file that is unpacked when it has come, because
            what reads it cannot read it gzipped.
    """

    name: str
    path: str
    url: str
    checksum: str | None
    size: int | None
    licence: str
    citation: str
    note: str
    unpacked: int | None = None

    @property
    def sha256(self) -> str | None:
        """Of what is downloaded, 64 hexadecimal digits; None where it is not known to us."""
        return None if self.checksum is None else self.checksum.removeprefix("sha256:")

    def size_in_words(self) -> str:
        """``"1.7 MB"``, or ``"size unknown"``."""
        return "size unknown" if self.size is None else decimal(self.size)


def named(dataset: Dataset | str) -> Dataset:
    """The dataset of that name; a `Dataset` is returned as it is.

    Raises:
        InputError: no dataset has that name.
    """
    if isinstance(dataset, Dataset):
        return dataset
    if dataset not in DATASETS:
        hint = did_you_mean(dataset, DATASETS)
        raise InputError(f"unknown dataset {dataset!r}; python -m dgsea_bench data list shows those there are{hint}")
    return DATASETS[dataset]


FGSEA = "Korotkevich et al. 2021, bioRxiv, doi 10.1101/060012"
GSEAPY = "Fang et al. 2023, Bioinformatics, doi 10.1093/bioinformatics/btac757"
HALLMARK = "Liberzon et al. 2015, Cell Systems, doi 10.1016/j.cels.2015.12.004"
L1000 = "Subramanian et al. 2017, Cell, doi 10.1016/j.cell.2017.10.049"
GCTX = f"Enache et al. 2019, Bioinformatics, doi 10.1093/bioinformatics/bty784; {L1000}"
PRNET = "Qi et al. 2024, Nature Communications, doi 10.1038/s41467-024-53457-1"

RAW = "https://raw.githubusercontent.com"
FGSEA_FILES = f"{RAW}/alserglab/fgsea/master/inst/extdata"
FGSEA_REACTOME = f"{RAW}/alserglab/fgsea/a9e8617d9d5ff5717fe5d6db7ad7c6404796dad2/inst/extdata"
GSEAPY_FILES = f"{RAW}/zqfang/GSEApy/master/tests/data"
CMAPPY_TESTS = "cmapPy/pandasGEXpress/tests/functional_tests"
CMAPPY_PLATE = f"{RAW}/cmap/cmapPy/6fe8605418deb91a6a3c6a623d0f121f571fc50d/{CMAPPY_TESTS}"
CMAPPY_GCT = f"{RAW}/cmap/cmapPy/0905a0af4ac1e5d28e9da7a31c02cbd95b8d07f7/{CMAPPY_TESTS}"
CMAPPY_FILES = f"{RAW}/cmap/cmapPy/master/{CMAPPY_TESTS}"
CMAPM_MODZS = f"{RAW}/cmap/cmapM/74cf48815b0adeff3e04d67a16eb05e8cbe4a4bc/sig_tools/tests/assets"
CMAPM_GENES = f"{RAW}/cmap/cmapM/872d78b82cdbb9e236ad00f8380b73f7d19d060f/sig_tools/tests/assets"
CMAPM_TABLE = f"{RAW}/cmap/cmapM/7a0160df1b3be58a4c001a274c11424d91a03bcc/sig_tools/tests/assets"
CMAPR_FILES = f"{RAW}/cmap/cmapR/033564d29ed2bc7e145e758bade17acd22d697a3/inst/extdata"
GEO_FILES = "https://ftp.ncbi.nlm.nih.gov/geo/series/GSE92nnn/GSE92742/suppl"
GEO_LICENCE = "none stated; GEO itself restricts nothing"

LEVEL5 = "GSE92742_Broad_LINCS_Level5_COMPZ.MODZ_n473647x12328.gctx"
LEVEL5_MATRIX = 473_647 * 12_328 * 4
"""Bytes of its matrix of float32, without what is known of rows and columns."""

_ALL = (
    Dataset(
        name="fgsea-ranking",
        path="fgsea/naive.vs.th1.rnk",
        url=f"{FGSEA_FILES}/naive.vs.th1.rnk",
        checksum="sha256:ee2a83ec828c3e62b4b1411494588fb3d256aef67edb955ce63b1581362bd984",
        size=285_653,
        licence="MIT",
        citation=FGSEA,
        note="12,000 mouse genes with a t statistic; a real ranking",
    ),
    Dataset(
        name="fgsea-reactome",
        path="fgsea/mouse.reactome.gmt",
        url=f"{FGSEA_REACTOME}/mouse.reactome.gmt",
        checksum="sha256:fbbed445f047a29482ab64a3de5296a978dacfc24a817bfeb3a27ec1015a39f0",
        size=483_847,
        licence="MIT",
        citation=FGSEA,
        note="1,457 Reactome gene sets of the mouse, Entrez ids",
    ),
    Dataset(
        name="fgsea-results",
        path="fgsea/fgsea_res.tsv",
        url=f"{FGSEA_FILES}/fgsea_res.tsv",
        checksum="sha256:3e6ab4a690e13980b6243d6342272311f8fcaeeb2acf10e00a3c1dd65685076d",
        size=52_207,
        licence="MIT",
        citation=FGSEA,
        note="fgsea's own result on fgsea-ranking and fgsea-reactome: ES, NES, p and sizes of 586 sets",
    ),
    Dataset(
        name="gsea-desktop-results",
        path="gsea_desktop/results.edb",
        url=f"{GSEAPY_FILES}/edb/results.edb",
        checksum="sha256:f5d8d92cef00b911b28d399cb2ca7fd03f145594eea1f36df74c30fd31cf1684",
        size=55_643,
        licence="BSD-3-Clause",
        citation=GSEAPY,
        note="output of GSEA Desktop: 7 sets with ES, NES, p and each of 1,000 null ES",
    ),
    Dataset(
        name="gsea-desktop-ranking",
        path="gsea_desktop/gsea_data.gsea_data.rnk",
        url=f"{GSEAPY_FILES}/edb/gsea_data.gsea_data.rnk",
        checksum="sha256:27d2f8fc061c1596a044bd1c7bc7dfd03153839648d54e6c10569b213897553c",
        size=12_530,
        licence="BSD-3-Clause",
        citation=GSEAPY,
        note="the ranking of 694 genes behind gsea-desktop-results",
    ),
    Dataset(
        name="gsea-desktop-sets",
        path="gsea_desktop/gene_sets.gmt",
        url=f"{GSEAPY_FILES}/edb/gene_sets.gmt",
        checksum="sha256:c479c017ae127c83642f9a4e35c728557584ec511139344f97e2f2bbdddb2a58",
        size=1_811,
        licence="BSD-3-Clause",
        citation=GSEAPY,
        note="the gene sets behind gsea-desktop-results",
    ),
    Dataset(
        name="hallmark",
        path="gene_sets/h.all.v7.0.symbols.gmt",
        url=f"{GSEAPY_FILES}/h.all.v7.0.symbols.gmt",
        checksum="sha256:4803c09aae50bbd96d53fc681bd5545a4c89278993c15145dd7b7c994f893516",
        size=48_334,
        licence="MSigDB terms (Hallmark, CC-BY-4.0)",
        citation=HALLMARK,
        note="the 50 Hallmark gene sets of MSigDB 7.0, symbols",
    ),
    Dataset(
        name="l1000-plate",
        path="l1000/landmark_978x377_level4.gctx",
        url=f"{CMAPPY_PLATE}/test_l1000_highprecision.gctx",
        checksum="sha256:d7a3b8f773bff9b2726f4409678d26bfb89f65c756d61f311f7fe87012332af1",
        size=1_654_253,
        licence="BSD-3-Clause",
        citation=GCTX,
        note="a plate of L1000, level 4: 978 landmark genes × 377 wells, A375, 60 perturbagens in dose series, 26 DMSO",
    ),
    Dataset(
        name="l1000-three-signatures",
        path="l1000/modzs_gct_n3x978.gctx",
        url=f"{CMAPM_MODZS}/TestSigStat/modzs_gct_n3x978.gctx",
        checksum="sha256:46ec6743568fa133a86306b411dd52e433aaaf7168da979836c94bc1f3883123",
        size=215_302,
        licence="BSD-3-Clause",
        citation=L1000,
        note="three signatures of level 5 (MODZ), HEPG2, with SMILES; ids and metadata of genes disagree (--genes-by)",
    ),
    Dataset(
        name="l1000-five-signatures",
        path="l1000/level5_s2n_lm_n5x978.gctx",
        url=f"{CMAPM_GENES}/test_build/level5_s2n_lm_n5x978.gctx",
        checksum="sha256:a605145dbade313f4489f8b5c5ba0c42f5d597959cddadacbff7505978d331ff",
        size=113_531,
        licence="BSD-3-Clause",
        citation=L1000,
        note="five signatures of level 5, 978 landmark genes, Entrez ids",
    ),
    Dataset(
        name="gct-example",
        path="l1000/modzs_n25x50.gct",
        url=f"{CMAPR_FILES}/modzs_n25x50.gct",
        checksum="sha256:d30c5a072304d1c855ebfb661bcda9db63b141eeb4a0e1d75cc2a82d050a8d82",
        size=11_717,
        licence="BSD-3-Clause",
        citation=GCTX,
        note="50 genes × 25 signatures (MODZ) as GCT 1.3",
    ),
    Dataset(
        name="gctx-example",
        path="l1000/modzs_n25x50.gctx",
        url=f"{CMAPR_FILES}/modzs_n25x50.gctx",
        checksum="sha256:dca3343d6bfa9f2a8e19c6c81ec9dabdc2a8655885cb1672c71148b3e1e974d9",
        size=77_210,
        licence="BSD-3-Clause",
        citation=GCTX,
        note="the matrix of gct-example as GCTX",
    ),
    Dataset(
        name="gct-with-metadata",
        path="l1000/mini_gctoo_for_testing.gct",
        url=f"{CMAPPY_GCT}/mini_gctoo_for_testing.gct",
        checksum="sha256:ba17c172e8b2c206464db9897873fe94a85db7611ba2b88d7c165880a0b196c6",
        size=2_002,
        licence="BSD-3-Clause",
        citation=GCTX,
        note="a small GCT 1.3 with metadata of rows and columns",
    ),
    Dataset(
        name="gct-old",
        path="l1000/older_version_v1_2.gct",
        url=f"{CMAPPY_FILES}/older_version_v1_2.gct",
        checksum="sha256:82c99e1bebccef2b964a0e5cbefbe0d9e6f9c39db0212346838c7ad42eb3174b",
        size=299,
        licence="BSD-3-Clause",
        citation=GCTX,
        note="a small GCT 1.2",
    ),
    Dataset(
        name="l1000-landmarks",
        path="l1000/landmark_gene_ids_n978.grp",
        url=f"{CMAPM_GENES}/landmark_gene_ids_n978.grp",
        checksum="sha256:ad9e2df8ea7966e8ec0a6d1dae42908f5dcceb30a6a73f01de15fb4ab7cc9482",
        size=5_194,
        licence="BSD-3-Clause",
        citation=L1000,
        note="Entrez ids of the 978 landmark genes",
    ),
    Dataset(
        name="l1000-landmark-table",
        path="l1000/row_meta_n978.txt",
        url=f"{CMAPM_TABLE}/row_meta_n978.txt",
        checksum="sha256:a8483b27eb99559d0fedbbeacd672a38ca30a27cd03b8aab61b79442e8de952f",
        size=96_407,
        licence="BSD-3-Clause",
        citation=L1000,
        note="probe, Entrez id, symbol and title of the 978 landmark genes",
    ),
    Dataset(
        name="l1000-full-sample",
        path="l1000/full_12328x25.gctx",
        url=f"{CMAPM_GENES}/gene_id_example_data_n25x12328.gctx",
        checksum="sha256:1e27f0a9582becea880fe31e82e3334ec8a3c29848a72395debc0eac61f1a13b",
        size=1_353_684,
        licence="BSD-3-Clause",
        citation=L1000,
        note="25 samples × all 12,328 genes, log expression (level 3), Entrez ids",
    ),
    Dataset(
        name="prnet-demo",
        path="l1000/prnet_demo_681x978.h5ad",
        url=f"{RAW}/Perturbation-Response-Prediction/PRnet/main/demo.h5ad",
        checksum="sha256:c3bd7c7e3e08fa68062fbf2080ada31f9086359b5ab03f843b7f0efd21389d9b",
        size=3_136_818,
        licence="Apache-2.0",
        citation=PRNET,
        note="responses to 355 compounds with SMILES: 681 wells × 978 landmark genes, log expression, doses, controls",
    ),
    Dataset(
        name="gse92742-level5",
        path=f"gse92742/{LEVEL5}",
        url=f"{GEO_FILES}/{LEVEL5}.gz",
        checksum=None,
        size=21_328_033_748,
        unpacked=LEVEL5_MATRIX,
        licence=GEO_LICENCE,
        citation=L1000,
        note="all 473,647 signatures of level 5 of phase I × 12,328 genes",
    ),
    *(
        Dataset(
            name=f"gse92742-{name}",
            path=f"gse92742/GSE92742_Broad_LINCS_{table}.txt.gz",
            url=f"{GEO_FILES}/GSE92742_Broad_LINCS_{table}.txt.gz",
            checksum=None,
            size=None,
            licence=GEO_LICENCE,
            citation=L1000,
            note=note,
        )
        for name, table, note in (
            ("siginfo", "sig_info", "what is known of each signature of gse92742-level5: compound, cell, dose, time"),
            ("pertinfo", "pert_info", "what is known of each perturbagen of GSE92742: name, type, SMILES"),
            ("geneinfo", "gene_info", "what is known of each gene of GSE92742: symbol, title, landmark or inferred"),
        )
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({dataset.name: dataset for dataset in _ALL})
"""Name -> dataset."""
