"""What unwanted mail talks about: phrases by topics, in several languages.

A phrase is a row of words, whatever stands between them; `#` is any number, `$#` any sum with its
sign before it, `#%` a share. They are what is said over and over by many senders: no name of a
sender, of one shop's product or of a single campaign is one. Nothing here says what a phrase is
worth: words that people write to each other are wanted too, so a topic asks for some of them
together (see `topic_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PHRASES"]

PHRASES: Mapping[str, str] = {
    "remedies": """
        viagra; cialis; levitra; xenical; propecia; phentermine; vicodin; xanax; valium;
        tramadol; ivermectin; ozempic; keto gummies; cbd gummies; human growth hormone; hgh;
        no prescription; without a prescription; without prescription; prescription required;
        prescription drugs; prescription medication; online pharmacy; canadian pharmacy;
        generic drugs; cheap meds; cheap drugs; doctors visit; discreet packaging; discreetly;
        weight loss; lose weight; losing weight; diet pill; diet pills; burn fat; fat burning;
        burns fat; body fat; lose up to #; pounds in; lbs in; inches in; reverse aging;
        anti aging; all natural; natural herbal; herbal supplement; herbal supplements; herbal;
        dietary supplement; clinically proven; miracle; breakthrough; side effects;
        penis enlargement; enlarge your; enlargement; male enhancement; erectile dysfunction;
        erections; libido; sexual performance; sex drive; breast enhancement; breast size;
        stop smoking; wrinkles; cellulite; hair loss; joint pain; memory loss; blood sugar;
        potenzmittel; ohne rezept; rezeptfrei; abnehmen; online apotheke; kilo abnehmen;
        sans ordonnance; perdre du poids; pharmacie en ligne; maigrir; sin receta; perder peso;
        bajar de peso; farmacia online; farmacia en linea; без рецепта; похудение; похудеть;
        для похудения; потенция; потенции; виагра; сиалис; увеличение члена;
    """,
    "loans": """
        mortgage; mortgages; mortgage rates; refinance; refinancing; home equity; home loan;
        home loans; second mortgage; debt consolidation; consolidate; consolidate your debts;
        out of debt; your debt; bad credit; credit history; good credit; no credit check;
        perfect credit; credit problems; credit report; repair your credit; interest rates;
        lowest rates; low rates; lower rates; low rate; interest rate; lenders; lenders compete;
        loan; personal loan; business loan; pre approved; preapproved; been approved;
        fast approval; cash advance; payday loan; monthly payments; lower your payments;
        life insurance; term life; insurance quote; free quote; free quotes; instant quote;
        no medical exam; insurance rates; health insurance; unsecured; apply for a loan;
        loan offer; we offer loans; #% interest rate; merchant account; accept credit cards;
        homeowner; homeowners; kredit ohne schufa; ohne schufa; sofortkredit; günstige kredite;
        kreditangebot; ohne bonität; prêt entre particuliers; offre de prêt;
        taux d intérêt de #%; crédit rapide; prestamo rápido; préstamos rápidos;
        oferta de préstamo; préstamo entre particulares; кредит; кредит без справок;
        без поручителей; займ; займы онлайн; деньги в долг;
    """,
    "earnings": """
        work from home; working from home; work at home; home business; home based business;
        home based; extra income; additional income; second income; residual income;
        passive income; monthly income; weekly income; income opportunity; income streams;
        stream of income; financial freedom; financial independence; financially independent;
        financial future; be your own boss; your own boss; own business; fire your boss;
        business opportunity; money making; moneymaker; money maker; make money; making money;
        make big money; earn money; earning money; extra cash; cash in; fast cash; cash machine;
        quick money; get rich; become rich; millionaire; millionaires; wealthy; wealth;
        earning potential; unlimited income; unlimited earning; earn $#; earn up to $#;
        earning $#; make $#; $# per week; $# a week; $# per month; $# a month; $# per day;
        $# a day; $# weekly; $# monthly; $# daily; figure income; no experience;
        no experience required; no experience necessary; no selling; part time;
        full time income; in your spare time; mlm; multi level marketing; network marketing;
        downline; upline; recruit; recruiting; chain letter; pyramid; commissions;
        opportunity of a lifetime; once in a lifetime; online business; internet business;
        entrepreneur; this program; free membership; von zu hause arbeiten; heimarbeit;
        nebenverdienst; geld verdienen; schnell reich; finanzielle freiheit; passives einkommen;
        verdienen sie; euro im monat; # € pro monat; gagner de l argent; travail à domicile;
        revenu complémentaire; liberté financière; revenus passifs; ganar dinero;
        trabajar desde casa; trabajo desde casa; ingresos extra; libertad financiera;
        ingresos pasivos; заработок; заработок в интернете; заработать; работа на дому;
        пассивный доход; доход от; в месяц; без вложений; дополнительный доход;
    """,
    "winnings": """
        you have won; you are a winner; youve won; lucky winner; winning number;
        winning numbers; winning notification; award notification; lottery; online lottery;
        email lottery; lotto; sweepstakes; jackpot; cash prize; claim your prize;
        claim your winnings; your prize; prize money; unclaimed; gift card; free gift;
        grand prize; lucky draw; claims agent; batch number; ticket number; compensation fund;
        fund release; atm card; western union; moneygram; pay the fee; processing fee;
        fiduciary agent; sie haben gewonnen; gewinnbenachrichtigung; herzlichen glückwunsch sie;
        ihr gewinn; hauptgewinn; vous avez gagné; félicitations vous; votre gain; loterie;
        gros lot; ha ganado; usted ha ganado; felicidades usted; lotería; premio mayor;
        su premio; вы выиграли; ваш выигрыш; поздравляем вы; лотерея; денежный приз;
        получить выигрыш;
    """,
    "funds": """
        next of kin; beneficiary; late husband; late father; late client; deceased; inheritance;
        consignment; million dollars; million united states dollars; million us dollars; us $#;
        usd; million pounds; million euros; transfer of fund; transfer of funds; the funds;
        this fund; this transaction; this transfer; foreign account; foreign partner;
        foreign bank; bank account; your bank account; business proposal; business relationship;
        mutual benefit; mutually beneficial; utmost confidence; utmost confidentiality;
        strictly confidential; highly confidential; top secret; urgent and confidential;
        your assistance; your urgent response; urgent reply; your kind attention; i am mr;
        i am mrs; i am dr; my name is mr; my name is mrs; barrister; bank manager;
        former president; minister of; the late; over invoiced; dear sir; dear sirs;
        dear sir madam; dormant account; risk free; hitch free; modalities; god bless;
        honest and trustworthy; your full name; telephone and fax; private telephone;
        your share; #% of the total; for your assistance; diplomat; security company; foreigner;
        federal republic; nächste angehörige; erbschaft; nachlass; millionen dollar;
        millionen euro; begünstigter; prochain parent; héritage; bénéficiaire;
        millions de dollars; millions d euros; strictement confidentiel; herencia; beneficiario;
        millones de dólares; millones de euros; estrictamente confidencial; наследство;
        наследник; миллионов долларов; бенефициар; строго конфиденциально;
    """,
    "adult": """
        xxx; porn; porno; pornography; hardcore; adult site; adult sites; adult club;
        adult content; adult entertainment; adult web; adult dating; adult movies; teens; horny;
        sluts; slut; slutty; nude; naked girls; pussy; cock; fuck; fucking; fucked; cum;
        cumshots; tits; blowjob; orgasm; orgasms; lesbian; lesbians; hot girls; sexy girls;
        sexy; hot babes; webcam; live sex; live girls; live cams; free sex; sex videos;
        sex pics; explicit; sexually explicit; must be # years; at least # years; lonely women;
        meet singles; single women; russian women; dating; hook up; one night stand;
        looking for a man; my pics; my webcam; erotic; erotik; geile; geile frauden;
        sexkontakte; einsame frauen; nackt; fickdate; rencontre coquine; femmes célibataires;
        plan cul; mujeres solteras; sexo gratis; chicas calientes; videos xxx; интим;
        секс знакомства; знакомства; девушки ждут; порно; эротика;
    """,
    "excuses": """
        this is not spam; not a spam; is not spam; not unsolicited; never sent unsolicited;
        never sent to unsolicited; do not spam; against spam; not send unsolicited;
        no spam policy; cannot be considered spam; not be considered spam;
        can not be considered spam; anti spam; unsolicited commercial; one time mailing;
        one time message; one time email; bill s; senate bill; title iii; section # of;
        u s congress; in compliance with; complies with; federal laws; federal requirements;
        you opted in; opted in to; opt in list; opt in; opted in; optin; your request;
        at your request; have subscribed through; our marketing partners; marketing partners;
        affiliates; been referred; receiving this mailing; this mailing; this advertisement;
        email advertisement; this email ad; in error; received this email in error;
        reached you in error; this message in error; our apologies; please accept our;
        we apologize for; sorry for any inconvenience; do not wish to receive;
        wish not to receive; no longer wish; no longer like; rather not receive; not to receive;
        wish to be removed; like to be removed; want to be removed; to be removed;
        be removed from; removal from; be removed; remove in the subject; remove yourself;
        remove me; for removal; removal instructions; permanently removed; remove your;
        remove list; opt out; type remove; word remove; will be removed; further mailings;
        future mailings; future offers; future promotions; further emails; unsolicited email;
        keine spam; kein spam; dies ist kein spam; aus unserem verteiler; einmalige mail;
        ceci n est pas un spam; no es spam; esto no es spam; si no desea recibir;
        ne plus recevoir; decreto # habeas data; не является спамом; отписаться от рассылки;
    """,
    "accounts": """
        your account has been; your account will be; account has been suspended;
        account suspended; account has been limited; account will be closed;
        account will be suspended; account will be terminated; account will be deactivated;
        account has been locked; account has been compromised; suspension; deactivated;
        deactivation; verify your account; verify your email; verify your identity;
        verify your information; verify your mailbox; confirm your account;
        confirm your identity; confirm your password; update your account;
        update your information; update your billing; update your payment; update your details;
        validate your; re validate; revalidate; unusual activity; suspicious activity;
        unusual sign in; unauthorized access; unauthorized transaction; unauthorized login;
        within # hours; failure to; avoid suspension; avoid termination; mailbox is full;
        mailbox is almost full; mailbox quota; storage limit; quota exceeded; exceeded your;
        upgrade your mailbox; webmail; email administrator; it helpdesk; incoming messages;
        pending messages; undelivered messages; release messages; release your;
        password expires; password will expire; keep the same password; keep current password;
        keep your password; package could not; could not be delivered; delivery fee;
        customs fee; unpaid; redelivery; payment declined; payment failed; ihr konto wurde;
        konto wird gesperrt; konto gesperrt; eingeschränkt; bestätigen sie ihr;
        bestätigen sie ihre daten; verifizieren; ungewöhnliche aktivitäten;
        innerhalb von # stunden; postfach ist voll; votre compte a été; compte suspendu;
        vérifier votre compte; confirmez votre; mettre à jour vos; dans les # heures;
        activité inhabituelle; su cuenta ha sido; cuenta suspendida; verifique su cuenta;
        confirme sus datos; actualice sus datos; actividad inusual; en # horas; ваш аккаунт;
        аккаунт заблокирован; подтвердите ваш; учетная запись; будет заблокирован;
        в течение # часов;
    """,
    "coins": """
        bitcoin; bitcoins; btc; crypto; cryptocurrency; ethereum; usdt; trading platform;
        trading bot; auto trading; automated trading; trading software; forex; binary options;
        guaranteed returns; guaranteed profit; daily profit; daily profits; daily returns;
        returns on investment; return on investment; your investment; invest $#; deposit $#;
        minimum deposit; initial deposit; investment platform; investment opportunity;
        double your; triple your; risk free profit; withdraw your; withdraw your funds;
        claim your bitcoin; airdrop; free tokens; token sale; presale; mining; cloud mining;
        elon musk; wallet; connect your wallet; anlageplattform; garantierte rendite;
        handelsplattform; bitcoin system; mindesteinzahlung; plateforme de trading;
        rendement garanti; plataforma de trading; rentabilidad garantizada; криптовалюта;
        биткоин; инвестиции; гарантированный доход; торговая платформа;
    """,
    "stocks": """
        strong buy; buy recommendation; stock alert; stock pick; stock picks; hot stock;
        penny stock; penny stocks; otc; otcbb; nasdaq; ticker; symbol; stock symbol;
        price target; target price; current price; short term target;
        forward looking statements; forward looking; safe harbor; securities act;
        securities exchange act; section 27a; undervalued; before it; explode; skyrocket;
        breakout; press release; for immediate release; trading at; offshore;
        not a registered investment advisor; investment advice; aktientipp; kursziel;
        strong buy empfehlung; börsentipp; cours cible;
    """,
    "copies": """
        replica; replicas; replica watches; rolex; designer watches; luxury watches;
        louis vuitton; fake watches; university diploma; university diplomas; university degree;
        diploma; diplomas; degree; no tests; no classes; no books; no interviews;
        non accredited; prestigious; life experience; phd; cheap software; oem software; adobe;
        software suite; retail price; toner; toners; inkjet; ink cartridges; cartridges;
        printer ink; copy any dvd; copy dvd; dvd copy; dvd burner; cable descrambler;
        descrambler; free cable; cell phone booster; long distance; spy on; background check;
        find out anything; cigarettes; cheap cigarettes; replica uhren; gefälschte; doktortitel;
        montres de luxe; relojes de lujo; réplicas; реплики; копии часов; диплом; дипломы;
    """,
    "crowds": """
        bulk email; email marketing; email addresses; million email; million emails;
        # email addresses; # million email; email lists; targeted email; targeted emails;
        direct email; email advertising; marketing campaign; opt in email; search engine;
        search engines; search engine submission; submit your; submit your site; top # search;
        promote your website; website traffic; more traffic; traffic to your;
        increase your sales; increase sales; more customers; first page; first page of google;
        google ranking; rank higher; seo; seo services; backlinks; guest post; link building;
        domain authority; website redesign; redesign your website; web design; website design;
        web development services; mobile app development; lead generation; qualified leads;
        leads; email database; decision makers; attendees list; attendee list; web hosting;
        promote your; suchmaschinenoptimierung; mehr besucher; adressdatenbank; référencement;
        base de données emails; posicionamiento web; base de datos de emails;
        продвижение сайтов; продвижение сайта; раскрутка сайта; база email; рассылка; рассылки;
        email рассылка; клиентов;
    """,
    "games": """
        casino; casinos; online casino; internet casino; poker; blackjack; roulette; slots;
        slot machines; free spins; welcome bonus; deposit bonus; no deposit; sportsbook;
        betting; sports betting; wager; gambling; play now; free chips; free money; payout;
        payouts; jackpots; real money; beat the house; lottery; powerball; casino bonus;
        freispiele; willkommensbonus; spielbank; bonus ohne einzahlung; casino en ligne;
        tours gratuits; casino en linea; giros gratis; casino online; tragamonedas; казино;
        игровые автоматы; бездепозитный; ставки на спорт; фриспины;
    """,
    "urging": """
        act now; act today; act fast; act immediately; order now; order today; call now;
        call today; call toll free; toll free; apply now; sign up now; sign up today;
        register now; join today; get started now; dont delay; dont wait; dont miss; do it now;
        hurry; limited time; limited time offer; limited offer; for a limited time;
        time is running out; while supplies last; supplies are limited; offer expires;
        special offer; special offers; special promotion; exclusive offer; amazing offer;
        best offer; this offer; great deal; best price; lowest price; click here;
        click here now; click below; click the link; click on the link; visit our website;
        free sample; absolutely free; completely free; totally free; #% free; for free;
        free of charge; its free; no cost; no cost to you; at no cost; no obligation;
        no obligations; no strings; no risk; risk free; without risk; zero risk; no hidden;
        no catch; no gimmicks; no fees; no fee; no questions asked; money back;
        money back guarantee; full refund; satisfaction guaranteed; guaranteed; #% guaranteed;
        guarantee; #% satisfaction; proven; save up to; save up to #%; save #%; save $#;
        save over; up to #% off; why pay more; cash bonus; bonus; unbelievable; incredible;
        as seen on; as seen on tv; as seen in; you wont believe; secrets;
        all major credit cards; check or money order; money order; plus shipping;
        fill out the form; order form; free info; free report; #% legal; perfectly legal;
        is legal; legitimate business; jetzt bestellen; jetzt zugreifen; nur heute;
        nur für kurze zeit; hier klicken; kostenlos; unverbindlich; geld zurück garantie;
        sonderangebot; ohne risiko; garantiert; klicken sie hier; cliquez ici; offre limitée;
        offre spéciale; gratuit; sans engagement; satisfait ou remboursé; haga clic aquí;
        haz clic aquí; oferta limitada; oferta especial; gratis; sin compromiso; нажмите здесь;
        только сегодня; бесплатно; успейте; специальное предложение; скидка; скидки; акция;
        звоните;
    """,
    "greetings": """
        dear friend; hello friend; hi friend; dear homeowner; dear winner; dear account owner;
        dear email user; dear webmail user; dear beneficiary; dear beloved; greetings to you;
        compliments of the season; attention sir; dear internet user; dear entrepreneur;
        dear investor; dear business owner; dear website owner; dear webmaster;
        dear sir or madame; dear valued; lieber freund; lieber gewinner; cher ami; chère amie;
        querido amigo; querida amiga; дорогой друг;
    """,
}
"""By topics; a phrase ends at `;`."""
