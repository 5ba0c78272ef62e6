"""Word knowledge for rule-made questions: verb forms, synonyms, agent nouns. Pure tables and functions; writes nothing."""

from __future__ import annotations

import random
import re

IRREGULAR = dict(
    pair.split(":")
    for pair in (
        "became:become began:begin broke:break brought:bring built:build came:come caught:catch chose:choose drew:draw "
        "drove:drive fell:fall fought:fight found:find flew:fly gave:give got:get grew:grow held:hold kept:keep knew:know "
        "led:lead left:leave lost:lose made:make met:meet paid:pay ran:run rose:rise said:say saw:see sent:send sold:sell "
        "shot:shoot spent:spend spoke:speak stood:stand stole:steal taught:teach took:take told:tell thought:think won:win "
        "wore:wear went:go wrote:write sang:sing swam:swim struck:strike sought:seek bought:buy bore:bear beat:beat set:set "
        "put:put cut:cut hit:hit fled:flee dealt:deal felt:feel laid:lay lay:lie lent:lend meant:mean rode:ride slept:sleep sank:sink"
    ).split()
)
NOT_VERBS = frozenset(
    "red bed need indeed speed hundred united sacred breed seed feed unprecedented limited advanced related aged".split()
)
AGENT = dict(
    pair.split(":")
    for pair in (
        "directed:director written:writer founded:founder produced:producer designed:designer composed:composer built:builder "
        "painted:painter discovered:discoverer invented:inventor published:publisher owned:owner developed:developer "
        "created:creator edited:editor recorded:performer hosted:host led:leader manufactured:maker operated:operator "
        "established:founder headed:head organized:organizer sponsored:sponsor illustrated:illustrator governed:ruler"
    ).split()
)
_SYNONYMS = dict(
    pair.split(":")
    for pair in (
        "founded:established,started,set_up established:founded,created created:made,developed built:constructed,erected "
        "constructed:built began:started begin:start started:began start:begin ended:finished end:finish finished:ended located:situated,found "
        "situated:located released:issued,put_out published:released,issued died:passed_away die:pass_away bought:purchased,acquired "
        "acquired:bought,obtained buy:purchase killed:slain,put_to_death won:received,gained win:earn,gain received:got,was_given receive:get "
        "moved:relocated move:relocate named:called,titled called:named,known_as known:recognized,referred_to made:produced,created make:produce,create "
        "large:big big:large small:little famous:well-known used:employed,utilized use:employ,utilize joined:became_part_of join:become_part_of "
        "wrote:authored write:author designed:planned,drawn_up appointed:chosen,named elected:chosen,voted_in lived:resided live:reside "
        "opened:launched open:launch launched:started launch:start closed:shut close:shut_down destroyed:ruined,wrecked attacked:assaulted "
        "defeated:beaten,overcome defeat:beat married:wed marry:wed directed:made formed:created,set_up form:create served:worked serve:work "
        "became:turned_into become:turn_into developed:created,made develop:create population:number_of_people,number_of_inhabitants "
        "company:firm,business firm:company film:movie,picture movie:film song:track city:town town:city area:region region:area "
        "country:nation nation:country war:conflict conflict:war ship:vessel vessel:ship school:academy job:position position:role role:part "
        "main:primary,chief primary:main chief:main several:many many:several first:earliest largest:biggest biggest:largest "
        "original:first important:significant significant:important show:display display:show shows:displays include:contain contains:includes includes:contains "
        "need:require requires:needs require:need required:needed allows:lets allow:let delete:remove remove:delete removed:deleted "
        "change:modify,alter modify:change select:choose,pick choose:select,pick specify:set,give configure:set_up,adjust enable:turn_on,activate "
        "disable:turn_off,deactivate returns:gives return:give_back provides:offers,gives provide:offer,give supports:works_with support:work_with "
        "error:problem,failure default:standard maximum:largest,highest minimum:smallest,lowest help:assist increase:raise reduce:lower,cut "
        "reported:said,announced announced:said,stated announce:state said:stated injured:hurt,wounded arrested:detained people:persons "
        "children:kids students:pupils soldiers:troops troops:soldiers money:funds house:home doctor:physician car:automobile "
        "near:close_to around:about approximately:about about:roughly after:following following:after before:prior_to during:in_the_course_of over:more_than"
    ).split()
)
SYNONYMS = {word: tuple(s.replace("_", " ") for s in others.split(",")) for word, others in _SYNONYMS.items()}
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")


def reword(text: str, rng: random.Random, *, rate: float) -> str:
    """Replace known lower-case words by a synonym, each with probability `rate`."""

    def swap(match: re.Match[str]) -> str:
        options = SYNONYMS.get(match[0])
        return rng.choice(options) if options and rng.random() < rate else match[0]

    return re.sub(r"(?<![\w'-])[a-z]+(?![\w'-])", swap, text)


def base_form(past: str, known: dict[str, int]) -> str | None:
    """Infinitive of a past-tense verb: the irregular table, then the candidate seen most often in `known` word counts."""
    if past in IRREGULAR:
        return IRREGULAR[past]
    if not past.endswith("ed") or len(past) < 5 or past in NOT_VERBS:
        return None
    stem = past[:-2]
    candidates = [stem, stem + "e"]
    if stem.endswith("i"):
        candidates.append(stem[:-1] + "y")
    if len(stem) > 3 and stem[-1] == stem[-2]:
        candidates.append(stem[:-1])
    best = max(candidates, key=lambda word: known.get(word, 0))
    return best if known.get(best, 0) > 0 else None


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
