-- What a server of the last version before rooms that people open left behind (commit aeb37d7): carol made an account and left,
-- alice wrote to bob in private, bob was away and left; at its second start, which ended by a kill, dave came.
CREATE TABLE entries (
    log      INTEGER NOT NULL,   -- logs.id
    sort     INTEGER NOT NULL,   -- of the kind: 0 talk, 1 state, 2 presence
    position INTEGER NOT NULL,   -- 1, 2, 3, ... in each log, over all sorts
    kind     TEXT    NOT NULL,   -- 'said', 'joined', ...
    time     INTEGER NOT NULL,   -- UTC, milliseconds since 1970
    eid      TEXT    NOT NULL,   -- the event's own id
    by       TEXT    NOT NULL,   -- whose it is, or ''
    nick     TEXT    NOT NULL,   -- the nickname as it was then, or ''
    text     TEXT    NOT NULL,
    details  TEXT,               -- a JSON object, or NULL for none
    id       TEXT,               -- the `id` in `details`, by which a repeat is known; NULL for none, and for an
                                 -- event of which another log has the entry that says so
    PRIMARY KEY (log, sort, position)
) WITHOUT ROWID;
INSERT INTO "entries" VALUES(1,1,2,'code',1795165920000,'n1.2','','','','{"digest":"67dac1f71549053fd0b809ee8c8985f55ef76f12f75563d7c17a77e83d244d90"}',NULL);
INSERT INTO "entries" VALUES(1,1,5,'registered',1795165920000,'n1.7','n1.3','carol','','{"folded":"carol","skeleton":"carol","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,2,1,'started',1795165920000,'n1.1','','','','{"kept":{},"devices":{},"away":{},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(1,2,3,'claimed',1795165920000,'n1.6','n1.3','carol','','{"folded":"carol","skeleton":"carol"}',NULL);
INSERT INTO "entries" VALUES(1,2,4,'attached',1795165920000,'n1.5','n1.3','','','{"token":"76bc3ddcbb02b891f223fb90cfe0daddd39b235b00f403d0c9e71cc46a4971db"}',NULL);
INSERT INTO "entries" VALUES(1,2,6,'released',1795165920000,'n1.9','n1.3','carol','','{"folded":"carol","skeleton":"carol"}',NULL);
INSERT INTO "entries" VALUES(1,2,7,'detached',1795165920000,'n1.a','n1.3','','','{"token":"76bc3ddcbb02b891f223fb90cfe0daddd39b235b00f403d0c9e71cc46a4971db"}',NULL);
INSERT INTO "entries" VALUES(1,2,8,'claimed',1795165920000,'n1.e','n1.b','alice','','{"folded":"alice","skeleton":"allce"}',NULL);
INSERT INTO "entries" VALUES(1,2,9,'attached',1795165920000,'n1.d','n1.b','','','{"token":"34b9a1d064e73f8fe8b73b139e6fce9f0a60a790e70e0ab6b10236270bfd603d"}',NULL);
INSERT INTO "entries" VALUES(1,2,10,'claimed',1795165920000,'n1.12','n1.f','bob','','{"folded":"bob","skeleton":"bob"}',NULL);
INSERT INTO "entries" VALUES(1,2,11,'attached',1795165920000,'n1.11','n1.f','','','{"token":"5a85b57ce67d957c72bdba54b07c0e76ec4ce5bc26f66dac90b05363dbc1bfce"}',NULL);
INSERT INTO "entries" VALUES(1,2,12,'away',1795165920000,'n1.17','n1.f','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,13,'released',1795165920000,'n1.19','n1.f','bob','','{"folded":"bob","skeleton":"bob"}',NULL);
INSERT INTO "entries" VALUES(1,2,14,'detached',1795165920000,'n1.1a','n1.f','','','{"token":"5a85b57ce67d957c72bdba54b07c0e76ec4ce5bc26f66dac90b05363dbc1bfce"}',NULL);
INSERT INTO "entries" VALUES(1,2,15,'back',1795165920000,'n1.1b','n1.f','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,16,'started',1795165920000,'n2.1','','','','{"kept":{"n1.b":["alice","alice","allce"]},"devices":{"34b9a1d064e73f8fe8b73b139e6fce9f0a60a790e70e0ab6b10236270bfd603d":"n1.b"},"away":{},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(1,2,17,'claimed',1795165920000,'n2.5','n2.2','dave','','{"folded":"dave","skeleton":"dave"}',NULL);
INSERT INTO "entries" VALUES(1,2,18,'attached',1795165920000,'n2.4','n2.2','','','{"token":"83adca01a080d7bd973cb3ba941f7817f57899f9304264f6dc27f42cef1c9cba"}',NULL);
INSERT INTO "entries" VALUES(2,0,6,'said',1795165920000,'n1.13','n1.b','alice','one',NULL,NULL);
INSERT INTO "entries" VALUES(2,0,7,'said',1795165920000,'n1.14','n1.b','alice','with an id','{"id":"i1"}','i1');
INSERT INTO "entries" VALUES(2,0,8,'did',1795165920000,'n1.15','n1.f','bob','waves',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,1,'started',1795165920000,'n1.1','','','','{"kept":{},"devices":{},"away":{},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(2,2,2,'joined',1795165920000,'n1.4','n1.3','carol','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,3,'left',1795165920000,'n1.8','n1.3','carol','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,4,'joined',1795165920000,'n1.c','n1.b','alice','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,5,'joined',1795165920000,'n1.10','n1.f','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,9,'away',1795165920000,'n1.17','n1.f','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,10,'left',1795165920000,'n1.18','n1.f','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,11,'started',1795165920000,'n2.1','','','','{"kept":{"n1.b":["alice","alice","allce"]},"devices":{"34b9a1d064e73f8fe8b73b139e6fce9f0a60a790e70e0ab6b10236270bfd603d":"n1.b"},"away":{},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(2,2,12,'joined',1795165920000,'n2.3','n2.2','dave','',NULL,NULL);
INSERT INTO "entries" VALUES(3,0,1,'private',1795165920000,'n1.16','n1.b','alice','in private','{"to":"bob"}',NULL);
INSERT INTO "entries" VALUES(4,0,1,'private',1795165920000,'n1.16','n1.b','alice','in private','{"to":"bob"}',NULL);
INSERT INTO "entries" VALUES(4,1,2,'read',1795165920000,'n1.1c','n1.f','','','{"position":"1"}',NULL);
CREATE TABLE logs (
    id       INTEGER PRIMARY KEY,         -- stands for the name in `entries`
    name     TEXT    NOT NULL UNIQUE,     -- '#lobby', 'server', ...
    deleted  INTEGER NOT NULL DEFAULT 0   -- the highest position of a deleted entry: no position is given twice
);
INSERT INTO "logs" VALUES(1,'server',0);
INSERT INTO "logs" VALUES(2,'#lobby',0);
INSERT INTO "logs" VALUES(3,'@n1.b',0);
INSERT INTO "logs" VALUES(4,'@n1.f',0);
CREATE UNIQUE INDEX entries_sent ON entries (by, id) WHERE id IS NOT NULL;
CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    UPDATE logs SET deleted = max(deleted, OLD.position) WHERE id = OLD.log;
END;
PRAGMA application_id = 1667785076;
PRAGMA user_version = 2;
