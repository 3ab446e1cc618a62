"""What there is to see: names, titles, and a paragraph each in English and Japanese. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

from gansaku.core.errors import UserError, nearest

LANGUAGES = ("en", "ja")


@dataclasses.dataclass(frozen=True)
class Topic:
    """A figure by name; it is drawn by the module of that name with underscores."""

    name: str
    line: str  # in a few words, for the list
    title: dict[str, str]
    text: dict[str, str]
    paper: str

    @property
    def module(self) -> str:
        return f"gansaku.theory.{self.name.replace('-', '_')}"


def topic(name: str) -> Topic:
    """By its name; UserError with the nearest one."""
    known = {one.name: one for one in TOPICS}
    if name.replace("_", "-") in known:
        return known[name.replace("_", "-")]
    hint = nearest(name, known) or f"; there are {', '.join(known)}"
    raise UserError(f"there is no figure {name!r}{hint}")


def paragraph(one: Topic, lang: str) -> str:
    """Its text on one line; Japanese has no spaces where lines end."""
    return ("" if lang == "ja" else " ").join(one.text[lang].splitlines())


def page(one: Topic, lang: str, picture: str) -> str:
    """A figure with its paragraph, as markdown; `picture` is its path from there."""
    title = one.title[lang]
    return f"## {title}\n\n![{title}]({picture})\n\n{paragraph(one, lang)}\n\n({one.paper})\n"


def gallery(
    lang: str,
    pictures: str,
    command: str,
    name: str = "theory",
    there: Collection[str] | None = None,
) -> str:
    """All figures on one page, or those that are `there`; `pictures` is their folder from there,
    `name` the page's."""
    other = {"en": f"[日本語]({name}.ja.md)", "ja": f"[English]({name}.md)"}[lang]
    parts = [
        page(one, lang, str(Path(pictures) / f"{one.name}.png"))
        for one in TOPICS
        if there is None or one.name in there
    ]
    head = HEAD[lang].format(other=other, command=command)
    return "\n".join([head, *parts])


HEAD = {
    "en": """# The theory, to see with one's own eyes

{other}

Every curve here is computed: exact ones by quadrature, the others by training the project's own
networks with its own losses in its own loop. `gansaku theory NAME` draws one; this page and its
pictures are made by

```
{command}
```
""",
    "ja": """# 目で見る GAN の理論

{other}

ここにある曲線はすべて実際に計算したものである。厳密な曲線は数値積分で、その他は本プロジェクトの損失、
ネットワーク、学習ループをそのまま使って求めた。一つだけ描くには `gansaku theory NAME --lang ja`、
このページと図をすべて作り直すには次のコマンドを使う。

```
{command}
```
""",
}

TOPICS = (
    Topic(
        "optimal-discriminator",
        "the best discriminator is p / (p + g), and training finds it",
        {"en": "The optimal discriminator", "ja": "最適な識別器"},
        {
            "en": """\
For a generator that is held still, the discriminator that wins the game is known: at each place
it answers with the share of the data among all that lies there, D*(x) = p_data(x) / (p_data(x)
+ p_g(x)). It says 1 where only data lies, 0 where only samples lie, and 1/2 where both are
equally dense. A perceptron trained on samples alone, which never sees a density, comes to this
curve; far out, where there is neither, it may say what it likes. When the generator has learned
the data, D* is 1/2 everywhere.""",
            "ja": """\
生成器を固定すると、ゲームに勝つ識別器は式で書ける。各点で、そこにあるもののうちデータが占める
割合 D*(x) = p_data(x) / (p_data(x) + p_g(x)) を答えるのである。データだけがある所では 1、生成
サンプルだけがある所では 0、両者の密度が等しい所では 1/2 となる。密度を一度も見ず、サンプルだ
けで学習したパーセプトロンも、この曲線に近づいていく。どちらも存在しない遠方では、値は定まらな
い。生成器がデータの分布を学び終えると、D* は至る所で 1/2 になる。""",
        },
        "arXiv:1406.2661, proposition 1",
    ),
    Topic(
        "optimal-value",
        "what the game is worth then: 2 JSD - log 4",
        {"en": "The value at the optimum", "ja": "最適点でのゲームの値"},
        {
            "en": """\
Put the optimal discriminator into the game, and its value is 2 JSD(p_data, p_g) - log 4: a
discriminator that plays its best measures how far the samples are from the data. At the lower
end, -log 4, the two cannot be told apart, and no generator does better; at the upper end, 0,
they are told apart for sure. Each dot is a discriminator trained on two Gaussians at that
distance. It can only lie on the curve or below it, for D* is the best there is: the value of a
trained one is a lower bound of the divergence.""",
            "ja": """\
最適な識別器を代入すると、ゲームの値は 2 JSD(p_data, p_g) - log 4 になる。つまり、最善を尽くす
識別器は、生成分布がデータからどれほど離れているかを測っている。下端の -log 4 では両者を見分け
られず、これより良い生成器はない。上端の 0 では確実に見分けられる。各点は、その距離だけ離れた
二つのガウス分布で学習した識別器の値である。D* が最良なので、点が曲線を上回ることはない。学習
した識別器の値は、ダイバージェンスの下界なのである。""",
        },
        "arXiv:1406.2661, theorem 1",
    ),
    Topic(
        "plateau",
        "Jensen-Shannon stops at log 2, Wasserstein goes on",
        {
            "en": "The plateau, and the distance without one",
            "ja": "JSD の平坦部と Wasserstein 距離",
        },
        {
            "en": """\
Move one of two uniform distributions away from the other. Their Jensen-Shannon divergence grows
only as long as they overlap; then it stays at log 2, however far they are, and its slope is
zero: a generator that follows it has nothing to follow. The Wasserstein distance is the shift
itself, and its slope is 1 everywhere. The dots were measured by trained critics, by the minimax
loss and by the Wasserstein loss with a gradient penalty (divided by the critic's steepest
slope). Samples and data rarely overlap in high dimensions, so this is the usual case.""",
            "ja": """\
二つの一様分布の片方をずらしていく。Jensen-Shannon ダイバージェンスが増えるのは、両者が重なっ
ている間だけである。重なりがなくなると、どれほど離れても log 2 のまま変わらず、傾きは 0 にな
る。これに従う生成器には、進むべき方向が与えられない。一方、Wasserstein 距離はずれそのものであ
り、傾きはどこでも 1 である。点は学習した批評器による測定値で、ミニマックス損失と、勾配ペナル
ティ付き Wasserstein 損失（批評器の最大の傾きで割った値）による。高次元ではデータと生成サンプ
ルはほとんど重ならないので、これは例外ではなく普通の状況である。""",
        },
        "arXiv:1701.07875, example 1",
    ),
    Topic(
        "vanishing-gradients",
        "what three losses let through while the critic gets better",
        {"en": "Vanishing gradients", "ja": "消失する勾配"},
        {
            "en": """\
A better discriminator is not always a better teacher. With the minimax loss, what reaches the
generator is multiplied by D(G(z)), which goes to zero as soon as samples are recognised; the
non-saturating loss multiplies by 1 - D(G(z)) instead, and keeps what is there. On the right a
generator is held at its start, a blob in the middle, while the critic trains on the ring of
eight. The minimax gradient fades by orders of magnitude; the non-saturating one does not,
though it grows as the critic steepens; that of the Wasserstein critic, whose slope is kept near
1, stays.""",
            "ja": """\
識別器が強いほど良い教師になるとは限らない。ミニマックス損失では、生成器に届く勾配に D(G(z))
 が掛かり、サンプルが偽物と見抜かれるとすぐに 0 へ向かう。非飽和損失では代わりに 1 - D(G(z)) が
掛かるので、勾配は残る。右図は、生成器を初期状態（中央の塊）のまま固定し、8 個の山を円状に並べ
たデータで批評器だけを学習させたときの勾配の大きさである。ミニマックスの勾配は何桁も小さくな
る。非飽和損失では消えないが、批評器が急峻になるにつれて大きくなる。傾きを 1 付近に保った
 Wasserstein 批評器の勾配は、ほぼ一定である。""",
        },
        "arXiv:1701.04862, theorem 2.4 and figure 2",
    ),
    Topic(
        "kl-directions",
        "KL covers, reverse KL seeks one mode",
        {"en": "KL covers, reverse KL seeks", "ja": "KL は覆い、逆 KL は一つを選ぶ"},
        {
            "en": """\
A single Gaussian q cannot be two peaks p, so it must choose. KL(p | q) is infinite where p has
mass and q has none: its best q covers both peaks and puts most samples between them. KL(q | p)
punishes samples where there is no data: its best q sits on one peak and forgets the other, and
there are two equally good answers (solid and dashed). The Jensen-Shannon divergence of the GAN,
which looks both ways, lies between; which answer it prefers depends on how far the peaks are
apart. All fits are exact, by quadrature.""",
            "ja": """\
一つのガウス分布 q では、二つの山をもつ p を表せない。そこで何かを選ぶことになる。KL(p | q)
 は、p があるのに q がない所で非常に大きくなる。そのため最良の q は両方の山を覆い、サンプルの多
くは山と山の間に落ちる。KL(q | p) は、データのない所のサンプルを罰する。最良の q は一方の山に
乗り、もう一方を忘れる。同じだけ良い解が二つある（実線と破線）。両方向を見る GAN の
 Jensen-Shannon ダイバージェンスはその中間にあり、どちらの解を好むかは山の離れ方で決まる。いず
れも数値積分による厳密な当てはめである。""",
        },
        "arXiv:1701.00160, figure 14",
    ),
    Topic(
        "clipping",
        "a critic's surface: weights clipped, or slopes penalised",
        {"en": "Clipping against the gradient penalty", "ja": "重みのクリップと勾配ペナルティ"},
        {
            "en": """\
A Wasserstein critic must not be steep. Clipping its weights is one way, and a crude one: nearly
all weights end at one of the two bounds, and what is left of the critic is a simple, almost flat
surface, a box around the whole ring. A penalty on the slope between data and samples leaves the
weights free: the critic has a slope of about 1 where it matters, and its surface reaches out to
each of the eight peaks (orange). Both saw the same data and, as samples, the same data with
noise of unit variance; nothing else differs but what each method needs (its optimizer, and its
bound).""",
            "ja": """\
Wasserstein 批評器は急峻であってはならない。重みを一定の範囲にクリップするのは一つの方法だが、
粗い。ほとんどの重みが上下どちらかの限界に張り付き、残るのは、円全体を箱のように囲むだけの単純
でほとんど平らな曲面である。データとサンプルの間の傾きに罰を与える方法では、重みは自由なままで
ある。必要な所で傾きがほぼ 1 になり、曲面は 8 個の山（橙色）の一つ一つに向かって張り出す。どち
らも同じデータと、それに分散 1 の雑音を加えた同じサンプルで学習した。違いは、それぞれの方法が必
要とするもの（最適化手法と制約）だけである。""",
        },
        "arXiv:1704.00028, figure 1",
    ),
    Topic(
        "mode-collapse",
        "mode collapse on the ring, and three cures",
        {"en": "Mode collapse, and its cures", "ja": "モード崩壊とその対策"},
        {
            "en": """\
Eight peaks on a ring, and a generator that may win for a moment by making some of them. The
critic answers, the generator runs on, and a plain GAN leaves modes out. Three cures: look ahead
at how the critic will answer (unrolled GAN), measure a distance that sees all peaks at once
(WGAN-GP), or judge samples against data in pairs, with gradients penalised on both sides (RpGAN
+ R1 + R2). The number counts the modes that hold at least 1 % of the samples within three
standard deviations. The first two rows have the same networks (those of the unrolled GAN's
paper), rates and data: all that differs is that the second looks five updates of the critic
ahead, which makes a step three to four times as dear. The others have small networks of their
own. One seed each: no ranking.""",
            "ja": """\
円周上に 8 個の山がある。生成器は、そのいくつかだけを作れば一時的に勝てる。すると批評器が応
じ、生成器はまた逃げ、素の GAN はいくつかの山を取りこぼす。対策は三つある。批評器がどう応じる
かを先読みする（unrolled GAN）、すべての山を一度に見る距離を測る（WGAN-GP）、データとサンプルを
対にして比べ、両側の勾配に罰を与える（RpGAN + R1 + R2）。図中の数は、標準偏差の 3 倍以内にサンプ
ルの 1 % 以上が集まる山の数である。上の二行は、ネットワーク（unrolled GAN の論文のもの）も学習率
もデータも同じで、違うのは、二行目の生成器が批評器の 5 回先の更新までを読むことだけである。その
ため 1 ステップの計算は 3 倍から 4 倍になる。ほかの二行は、それぞれの小さなネットワークを使う。乱
数の種は一つずつで、何が起こるかを見せる図であり、優劣を決めるものではない。""",
        },
        "arXiv:1611.02163, 1704.00028, 2501.05441",
    ),
)
