"""Data of two sides: layouts, partners, what acts on both alike, and what is said of bad input."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gansaku.core.errors import DataError
from gansaku.data.inspect import inspect
from gansaku.data.maps import open_maps, read_palette
from gansaku.data.pairs import open_pairs
from gansaku.data.spec import UNLABELLED, MapSpec, PairSpec, spec_from_json
from gansaku.data.unpaired import open_unpaired

DIRECT = {"memory_limit": 0, "workers": 0}  # decoded as the run goes


def picture(number: int, size: tuple[int, int] = (12, 8)) -> Image.Image:
    """Width x height of noise that the number decides."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def negative(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


def save(image: Image.Image, path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def side_by_side(folder, count: int = 6, prefix: str = "") -> None:
    """Pairs of a picture and its negative in one file."""
    for number in range(count):
        both = Image.new("RGB", (24, 8))
        both.paste(picture(number), (0, 0))
        both.paste(negative(picture(number)), (12, 0))
        save(both, folder / prefix / f"{number}.png")


def two_folders(folder, a: str = "A", b: str = "B", count: int = 6) -> None:
    for number in range(count):
        save(picture(number), folder / a / f"{number}.png")
        save(negative(picture(number)), folder / b / f"{number}.png")


def assert_negatives(source, **options) -> None:
    batch = source.batch(0, 9, 0, **options)
    assert torch.allclose(batch["a"], -batch["b"], atol=1e-6)
    assert not torch.equal(batch["a"][0], batch["a"][1])


@pytest.mark.parametrize(("a", "b"), [("A", "B"), ("trainA", "trainB"), ("input", "target")])
def test_folders_by_name(tmp_path, a, b):
    two_folders(tmp_path, a, b)
    source = open_pairs(tmp_path)
    assert len(source) == 6
    assert source.spec.shape == (3, 8, 12)
    assert_negatives(source)
    first = source.take([0])["a"]
    back = open_pairs(tmp_path, direction="BtoA")
    assert torch.allclose(back.take([0])["a"], -first, atol=1e-6)
    assert "exchanged" in " ".join(back.notes)
    assert source.fingerprint() != back.fingerprint()


def test_one_layout_is_as_good_as_another(tmp_path):
    side_by_side(tmp_path / "both")
    two_folders(tmp_path / "apart")
    two_folders(tmp_path / "named", "drawings", "photographs")
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        for path in sorted((tmp_path / "both").iterdir()):
            archive.write(path, f"all/{path.name}")
    rows = [f"apart/A/{n}.png,apart/B/{n}.png" for n in range(6)]
    (tmp_path / "table.csv").write_text("\n".join(["input,output", *rows]))
    there = f"{tmp_path / 'apart' / 'A'},{tmp_path / 'apart' / 'B'}"
    places = [tmp_path / "both", tmp_path / "zipped.zip", tmp_path / "apart", tmp_path / "named"]
    sources = [open_pairs(place) for place in [*places, tmp_path / "table.csv", there]]
    expected = sources[0].batch(4, 5, 7)
    for source in sources:
        found = source.batch(4, 5, 7)
        assert all(torch.equal(found[name], expected[name]) for name in "ab")


def test_arrays_in_pairs():
    a = torch.randint(256, (5, 3, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    assert_negatives(open_pairs((a, 255 - a)))
    assert len(open_unpaired((a, a[:2]))) == 5


def test_crops_and_flips_act_on_both_sides(tmp_path):
    two_folders(tmp_path)
    source = open_pairs(tmp_path, size=6, crop="random", flip=True)
    assert source.spec.shape == (3, 6, 6)
    batch = source.batch(0, 60, 3)
    assert torch.allclose(batch["a"], -batch["b"], atol=0.03)  # resized: rounded on either side
    assert len(batch["a"].unique(dim=0)) > 12  # windows and mirror images of six pictures
    part = source.batch(20, 5, 3)
    assert torch.equal(part["b"], batch["b"][20:25])


def test_workers_and_memory_give_the_same_bits(tmp_path):
    side_by_side(tmp_path)
    kept = open_pairs(tmp_path, flip=True).batch(3, 8, 1)
    with open_pairs(tmp_path, flip=True, **DIRECT) as made:
        again = made.batch(3, 8, 1)
    assert all(torch.equal(kept[name], again[name]) for name in "ab")


def test_items_travel_to_worker_processes(tmp_path):
    side_by_side(tmp_path / "both")
    map_folder(tmp_path / "maps", "colours")
    (tmp_path / "maps" / "palette.txt").write_text(PALETTE)
    for source in (open_pairs(tmp_path / "both", **DIRECT), open_maps(tmp_path / "maps", **DIRECT)):
        for side in (source.a, source.b):
            items = side._store.items
            there = pickle.loads(pickle.dumps(items))
            assert np.array_equal(there.pixels(2), items.pixels(2))


def test_a_split_of_the_data_is_held_out(tmp_path):
    side_by_side(tmp_path, 6, "train")
    side_by_side(tmp_path, 2, "val")
    source = open_pairs(tmp_path)
    assert (len(source), len(source.held)) == (6, 2)
    with pytest.raises(DataError, match=r"val/ is held out.*leave holdout out"):
        open_pairs(tmp_path, holdout=0.5)
    side_by_side(tmp_path, 2, "test")
    assert "not used: test/" in open_pairs(tmp_path).notes


def test_held_out_pairs_stay_pairs(tmp_path):
    two_folders(tmp_path, count=10)
    source = open_pairs(tmp_path, holdout=0.3)
    assert (len(source), len(source.held)) == (7, 3)
    assert_negatives(source.held)
    seen = {x.numpy().tobytes() for x in source.take(range(7))["a"]}
    assert not seen & {x.numpy().tobytes() for x in source.held.take(range(3))["a"]}
    again = open_pairs(f"{tmp_path / 'A'},{tmp_path / 'B'}", holdout=0.3)
    assert torch.equal(again.held.take(range(3))["a"], source.held.take(range(3))["a"])


def test_a_missing_partner_is_named(tmp_path):
    two_folders(tmp_path, count=3)
    (tmp_path / "B" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 3 files cannot be used: A/1\.png .*partner in b"):
        open_pairs(tmp_path)
    source = open_pairs(tmp_path, tolerate=0.5)
    assert len(source) == 2
    assert source.bad == [("A/1.png", "it has no partner in b")]
    assert_negatives(source)


def test_a_damaged_side_takes_its_partner_along(tmp_path):
    two_folders(tmp_path, count=5)
    path = tmp_path / "B" / "2.png"
    path.write_bytes(path.read_bytes()[:-200])
    source = open_pairs(tmp_path, tolerate=0.5)
    assert len(source) == 4
    assert [name for name, _ in source.bad] == ["B/2.png"]
    assert_negatives(source)


def test_sizes_within_a_pair_must_agree(tmp_path):
    two_folders(tmp_path, count=3)
    save(picture(9, (10, 8)), tmp_path / "B" / "1.png")
    with pytest.raises(DataError, match=r"A/1\.png 12x8 and B/1\.png 10x8"):
        open_pairs(tmp_path, size=8)


def test_sizes_of_all_pairs_must_agree_or_be_given(tmp_path):
    two_folders(tmp_path, count=3)
    for side in "AB":
        save(picture(9, (16, 16)), tmp_path / side / "1.png")
    with pytest.raises(DataError, match="say which to train at"):
        open_pairs(tmp_path)
    assert open_pairs(tmp_path, size=(7, 9)).spec.shape == (3, 7, 9)


def test_bad_input_is_one_sentence(tmp_path):
    two_folders(tmp_path / "lone", count=2)
    for path in (tmp_path / "lone" / "B").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"one side alone.*b is missing"):
        open_pairs(tmp_path / "lone")
    save(picture(0, (13, 8)), tmp_path / "odd" / "0.png")
    with pytest.raises(DataError, match="13 pixels wide"):
        open_pairs(tmp_path / "odd")
    two_folders(tmp_path / "twice", count=2)
    save(picture(0), tmp_path / "twice" / "A" / "0.bmp")
    with pytest.raises(DataError, match=r"A/0\.bmp, A/0\.png would all be partners"):
        open_pairs(tmp_path / "twice")
    (tmp_path / "t.csv").write_text("a.png\n")
    with pytest.raises(DataError, match="two columns of paths"):
        open_pairs(tmp_path / "t.csv")
    (tmp_path / "u.csv").write_text("no.png,nor.png\n")
    with pytest.raises(DataError, match=r"no\.png \(there is no such file\)"):
        open_pairs(tmp_path / "u.csv")
    with pytest.raises(DataError, match="did you mean 'AtoB'"):
        open_pairs(tmp_path / "twice", direction="atob")
    with pytest.raises(DataError, match="does not exist"):
        open_pairs("nothere,neither")
    with pytest.raises(DataError, match="two sides are two"):
        open_pairs((1, 2, 3))


# --- unpaired ---


def test_unpaired_sides_have_orders_of_their_own(tmp_path):
    two_folders(tmp_path, "horses", "zebras", count=7)
    for number in (5, 6):
        (tmp_path / "zebras" / f"{number}.png").unlink()
    source = open_unpaired(tmp_path)
    assert len(source) == 7
    batch = source.batch(0, 35, 0)
    counts = [batch[name].unique(dim=0, return_counts=True)[1].tolist() for name in "ab"]
    assert counts == [[5] * 7, [7] * 5]
    same = [torch.allclose(a, -b, atol=1e-6) for a, b in zip(batch["a"], batch["b"], strict=True)]
    assert sum(same) < 20
    assert torch.equal(source.batch(30, 5, 0)["b"], batch["b"][30:])
    assert source.take([6])["b"].shape == (1, 3, 8, 12)


def test_unpaired_parts_and_refusals(tmp_path):
    for part, count in (("train", 4), ("test", 2)):
        two_folders(tmp_path / "all", f"{part}A", f"{part}B", count)
    source = open_unpaired(tmp_path / "all")
    assert (len(source), len(source.held)) == (4, 2)
    with pytest.raises(DataError, match=r"test/ is held out.*leave holdout out"):
        open_unpaired(tmp_path / "all", holdout=0.5)
    both = f"{tmp_path / 'all' / 'trainA'},{tmp_path / 'all' / 'testB'}"
    assert len(open_unpaired(both, holdout=0.25)) == 3
    side_by_side(tmp_path / "one")
    with pytest.raises(DataError, match="one set of pictures; two are needed"):
        open_unpaired(tmp_path / "one")
    save(picture(0, (9, 9)), tmp_path / "sizes" / "A" / "0.png")
    save(picture(0, (8, 8)), tmp_path / "sizes" / "B" / "0.png")
    with pytest.raises(DataError, match=r"9x9 and 8x8.*give --size"):
        open_unpaired(tmp_path / "sizes")


# --- label maps ---

NUMBERS = np.array([[0, 1, 2], [2, 1, 255]], np.uint8).repeat(4, 0).repeat(4, 1)
COLOURS = {0: (10, 20, 30), 1: (200, 0, 0), 2: (0, 200, 0), 255: (9, 9, 9)}


def map_folder(folder, form: str, count: int = 4) -> None:
    """Maps of three classes as indexed, grey or RGB-coded PNGs, beside pictures."""
    for number in range(count):
        save(picture(number, (12, 8)), folder / "images" / f"{number}.jpg")
        turned = np.roll(NUMBERS, number, 1)
        image = Image.fromarray(turned)
        if form == "indexed":
            image = Image.fromarray(turned).convert("P")
            image.putdata(turned.ravel().tolist())
            table = np.array([COLOURS.get(n, (0, 0, 0)) for n in range(256)])
            image.putpalette(table.ravel().tolist())
        if form == "colours":
            table = np.array([COLOURS.get(n, (0, 0, 0)) for n in range(256)], np.uint8)
            image = Image.fromarray(table[turned])
        save(image, folder / "labels" / f"{number}.png")


PALETTE = "\n".join(
    f"{n} {name} {' '.join(map(str, COLOURS[n]))}"
    for n, name in ((0, "sky"), (1, "brick wall"), (2, "tree"), (255, "nothing"))
)


@pytest.mark.parametrize("form", ["indexed", "grey", "colours"])
def test_maps_of_every_form_are_the_same_numbers(tmp_path, form):
    map_folder(tmp_path, form)
    (tmp_path / "palette.txt").write_text(PALETTE)
    source = open_maps(tmp_path)
    a = source.take([0])["a"]
    assert a.dtype == torch.int64
    assert torch.equal(a[0, 0], torch.from_numpy(NUMBERS).long())
    assert source.spec.a.labels == ("sky", "brick wall", "tree")
    assert source.spec.a.palette[1] == (200, 0, 0)
    assert source.batch(0, 3, 0)["b"].shape == (3, 3, 8, 12)
    assert spec_from_json(source.spec.to_json()) == source.spec
    painted = (source.spec.a.painted(a) + 1) * 127.5
    assert painted[0, :, 0, 4].tolist() == pytest.approx([200, 0, 0])
    assert painted[0, :, 7, 11].tolist() == [0, 0, 0]


def test_maps_without_a_palette_file(tmp_path):
    map_folder(tmp_path / "p", "indexed")
    source = open_maps(tmp_path / "p")
    assert source.spec.a.labels == ("class 0", "class 1", "class 2")
    map_folder(tmp_path / "c", "colours")
    with pytest.raises(DataError, match=r"labels/0\.png.*RGB-coded.*put palette\.txt beside it"):
        open_maps(tmp_path / "c")


def test_maps_are_never_mixed_when_resized(tmp_path):
    map_folder(tmp_path, "grey")
    for options in ({"size": 5}, {"size": (4, 12), "crop": "random"}, {"size": 6, "crop": "none"}):
        a = open_maps(tmp_path, flip=True, **options).batch(0, 16, 0)["a"]
        assert set(a.unique().tolist()) <= {0, 1, 2, UNLABELLED}
        assert len(a.unique()) == 4


def test_maps_follow_their_pictures(tmp_path):
    """Crops and flips of both sides: pictures that are their maps' colours stay so."""
    for number in range(3):
        turned = np.roll(NUMBERS, 5 * number, 1)
        table = np.array([COLOURS.get(n, (0, 0, 0)) for n in range(256)], np.uint8)
        table[255] = 0
        save(Image.fromarray(turned), tmp_path / "labels" / f"{number}.png")
        save(Image.fromarray(table[turned]), tmp_path / "images" / f"{number}.png")
    (tmp_path / "palette.txt").write_text(PALETTE)
    source = open_maps(tmp_path, size=(8, 8), crop="random", flip=True)
    batch = source.batch(0, 40, 0)
    assert torch.allclose(source.spec.a.painted(batch["a"]), batch["b"], atol=1e-6)
    assert len(batch["b"].unique(dim=0)) > 10


def test_a_colour_or_number_that_is_no_class_is_named(tmp_path):
    map_folder(tmp_path, "colours")
    (tmp_path / "palette.txt").write_text("sky 10 20 30\nbrick 200 0 0\n")
    with pytest.raises(DataError, match=r"labels/0\.png \(its colour 0 200 0 is none of palette"):
        open_maps(tmp_path)
    map_folder(tmp_path / "n", "grey")
    (tmp_path / "n" / "classes.txt").write_text("sky\nbrick\n")
    with pytest.raises(DataError, match=r"labels/0\.png \(it holds class 2, and there are 2"):
        open_maps(tmp_path / "n")


def test_swapped_sides_of_maps_are_put_right_and_said(tmp_path):
    map_folder(tmp_path, "grey")
    rows = "\n".join(f"images/{n}.jpg,labels/{n}.png" for n in range(4))
    (tmp_path / "t.csv").write_text(rows)
    source = open_maps(tmp_path / "t.csv")
    assert isinstance(source.spec.a, MapSpec)
    assert "a is labels/0.png" in source.notes[0]
    with pytest.raises(DataError, match="painted from"):
        open_maps(tmp_path, direction="BtoA")
    save(picture(0), tmp_path / "alone" / "0.png")
    with pytest.raises(DataError, match="holds no label maps beside pictures"):
        open_maps(tmp_path / "alone")


@pytest.mark.parametrize(
    ("text", "names", "colour"),
    [
        ("name,r,g,b\nroad,1,2,3\ncar,4,5,6\n", ("road", "car"), (4, 5, 6)),
        ("64 128 64\tAnimal\n192 0 128\tArch\n", ("Animal", "Arch"), (192, 0, 128)),
        ("# of the city\n1 car 4 5 6\n0 road 1 2 3\n", ("road", "car"), (4, 5, 6)),
        ("0 1 2 3\n1 4 5 6\n", ("class 0", "class 1"), (4, 5, 6)),
    ],
)
def test_palettes_of_every_kind(text, names, colour):
    palette = read_palette(text, "palette.txt")
    assert palette.names == names
    assert palette.colours[1] == colour


@pytest.mark.parametrize("text", ["road 1 2\n", "0 a 1 2 3\n0 b 1 2 4\n", "", "car 300 0 0\n"])
def test_palettes_that_make_no_sense(text):
    with pytest.raises(DataError, match=r"palette\.txt"):
        read_palette(text, "palette.txt")


# --- telling ---


def test_data_shows_both_sides(tmp_path):
    two_folders(tmp_path / "d", count=4)
    report = inspect(tmp_path / "d", feeds="pairs", sheet=tmp_path / "sheet.png")
    text = report.text()
    assert "8 usable items" in text
    assert "4 samples of 12x8 RGB and what they become, 12x8 RGB" in text
    assert "a is A/0.png" in text
    with Image.open(tmp_path / "sheet.png") as sheet:
        wide, high = sheet.size
    assert wide > 4 * 12
    assert high > 8
    (tmp_path / "d" / "B" / "0.png").unlink()
    assert "no partner" in inspect(tmp_path / "d", feeds="pairs").refusal


def test_specs_of_pairs_are_read_back(tmp_path):
    two_folders(tmp_path, count=2)
    spec = open_pairs(tmp_path, size=8).spec
    assert isinstance(spec, PairSpec)
    assert spec_from_json(spec.to_json()) == spec
    assert spec.resized(4, 6).a.shape == (3, 4, 6)


# --- as they are ---


def test_real_sets_open_as_they_are(real):
    facades = open_pairs(
        real / "facades" / "facades_AB_90_512x256.zip", size=64, direction="BtoA", holdout=0.1
    )
    assert (len(facades), len(facades.held)) == (81, 9)
    a, b = (facades.take([0])[name] for name in "ab")
    assert float(a[:, 2].mean()) > float(a[:, 0].mean())  # label maps are mostly blue
    assert abs(float(b[:, 2].mean() - b[:, 0].mean())) < 0.3
    shoes = open_pairs(real / "edges2shoes", size=64)
    assert (len(shoes), len(shoes.held)) == (48, 12)
    monet = open_unpaired(real / "monet2photo" / "monet60_photo60_256.zip", size=64)
    assert (len(monet.a), len(monet.b)) == (61, 60)
    camvid = open_maps(real / "camvid" / "camvid_val101_240x180.zip", size=(48, 64))
    assert len(camvid) == 101
    assert camvid.spec.a.classes == 12
    assert camvid.take([0])["a"].unique().max() <= 11
