-- What a server of the last version before the managed service left behind (commit 1585f4f), when it was killed at its second
-- start: alice, an operator, opened #tea and made bob its moderator, who corrected one message and removed another, and one of
-- carol's, banned her for 7 days and added a filter; eve, a guest, is muted on the server, and a network banned; alice wrote to
-- bob in private; dave ignores bob, opened #soup, private, invited bob, closed #gone again, and is away; frank was forgotten.
-- Then erin came, and all but frank and she may still come back.
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
INSERT INTO "entries" VALUES(1,1,1,'opened',1795165920000,'n1.1','','','','{"name":"lobby","folded":"lobby","skeleton":"lobby"}',NULL);
INSERT INTO "entries" VALUES(1,1,3,'code',1795165920000,'n1.4','','','','{"digest":"38da1948399c7ca758f84259f461ec92f7877967cfc66efa319169c9efd4cdb2"}',NULL);
INSERT INTO "entries" VALUES(1,1,6,'registered',1795165920000,'n1.a','n1.5','alice','','{"folded":"alice","skeleton":"allce","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,1,7,'rooms',1795165920000,'n1.9','n1.5','alice','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,1,10,'registered',1795165920000,'n1.10','n1.b','bob','','{"folded":"bob","skeleton":"bob","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,1,11,'rooms',1795165920000,'n1.f','n1.b','bob','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,1,14,'registered',1795165920000,'n1.16','n1.11','carol','','{"folded":"carol","skeleton":"carol","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,1,15,'rooms',1795165920000,'n1.15','n1.11','carol','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,1,18,'registered',1795165920000,'n1.1c','n1.17','dave','','{"folded":"dave","skeleton":"dave","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,1,19,'rooms',1795165920000,'n1.1b','n1.17','dave','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,1,20,'operator',1795165920000,'n1.1d','n1.5','alice','',NULL,NULL);
INSERT INTO "entries" VALUES(1,1,23,'opened',1795165920000,'n1.22','n1.5','alice','','{"name":"tea","folded":"tea","skeleton":"tea"}',NULL);
INSERT INTO "entries" VALUES(1,1,24,'rooms',1795165920001,'n1.24','n1.5','alice','','{"rooms":["lobby","tea"]}',NULL);
INSERT INTO "entries" VALUES(1,1,25,'rooms',1795165920003,'n1.26','n1.b','bob','','{"rooms":["lobby","tea"]}',NULL);
INSERT INTO "entries" VALUES(1,1,26,'rooms',1795165920005,'n1.28','n1.11','carol','','{"rooms":["lobby","tea"]}',NULL);
INSERT INTO "entries" VALUES(1,1,27,'rooms',1795165920007,'n1.38','n1.11','carol','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,1,28,'muted',1795165920007,'n1.3c','n1.5','alice','noise','{"name":"eve","whom":"n1.1e","forms":["eve","eve"],"until":1795169520007}',NULL);
INSERT INTO "entries" VALUES(1,1,29,'banned',1795165920007,'n1.3d','n1.5','alice','a botnet','{"name":"192.0.2.0/24","network":"192.0.2.0/24"}',NULL);
INSERT INTO "entries" VALUES(1,1,30,'ignored',1795165920008,'n1.3e','n1.17','','bob','{"whom":"n1.b"}',NULL);
INSERT INTO "entries" VALUES(1,1,31,'opened',1795165920008,'n1.3f','n1.17','dave','','{"name":"soup","folded":"soup","skeleton":"soup"}',NULL);
INSERT INTO "entries" VALUES(1,1,32,'rooms',1795165920009,'n1.41','n1.17','dave','','{"rooms":["lobby","soup"]}',NULL);
INSERT INTO "entries" VALUES(1,1,33,'opened',1795165920010,'n1.44','n1.17','dave','','{"name":"gone","folded":"gone","skeleton":"gone"}',NULL);
INSERT INTO "entries" VALUES(1,1,34,'rooms',1795165920011,'n1.46','n1.17','dave','','{"rooms":["lobby","soup","gone"]}',NULL);
INSERT INTO "entries" VALUES(1,1,35,'closed',1795165920012,'n1.47','n1.17','dave','','{"name":"gone","folded":"gone","skeleton":"gone"}',NULL);
INSERT INTO "entries" VALUES(1,1,36,'rooms',1795165920013,'n1.49','n1.17','dave','','{"rooms":["lobby","soup"]}',NULL);
INSERT INTO "entries" VALUES(1,1,37,'erased',1795165920013,'n1.4a','','','','{"name":"gone"}',NULL);
INSERT INTO "entries" VALUES(1,1,38,'announced',1795165920013,'n1.4b','n1.5','alice','tea is served','{"rooms":["lobby","tea","soup"]}',NULL);
INSERT INTO "entries" VALUES(1,1,42,'registered',1795165920013,'n1.52','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,1,43,'rooms',1795165920013,'n1.51','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,1,44,'forgotten',1795165920013,'n1.54','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,1,47,'erased',1795165920013,'n1.58','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,1,51,'registered',1795165920000,'n2.a','n2.5','erin','','{"folded":"erin","skeleton":"erln","hash":"quick$4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"}',NULL);
INSERT INTO "entries" VALUES(1,1,52,'rooms',1795165920000,'n2.9','n2.5','erin','','{"rooms":["lobby"]}',NULL);
INSERT INTO "entries" VALUES(1,2,2,'started',1795165920000,'n1.2','','','','{"kept":{},"devices":{},"away":{},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(1,2,4,'claimed',1795165920000,'n1.6','n1.5','alice','','{"folded":"alice","skeleton":"allce"}',NULL);
INSERT INTO "entries" VALUES(1,2,5,'attached',1795165920000,'n1.7','n1.5','','','{"token":"18c223cb6d36448ac9dc5e0acd3cf01b8e1471f5778237839b26a02353337cf9"}',NULL);
INSERT INTO "entries" VALUES(1,2,8,'claimed',1795165920000,'n1.c','n1.b','bob','','{"folded":"bob","skeleton":"bob"}',NULL);
INSERT INTO "entries" VALUES(1,2,9,'attached',1795165920000,'n1.d','n1.b','','','{"token":"1c9835afc986f6f7e8d4eea447fa034d5e27c95ed370802b8de518476aab0de9"}',NULL);
INSERT INTO "entries" VALUES(1,2,12,'claimed',1795165920000,'n1.12','n1.11','carol','','{"folded":"carol","skeleton":"carol"}',NULL);
INSERT INTO "entries" VALUES(1,2,13,'attached',1795165920000,'n1.13','n1.11','','','{"token":"ece9724d3d5c7dfd08b2b8a0e3cf3338e7b54d4c6bb291933cf77ff3bf150747"}',NULL);
INSERT INTO "entries" VALUES(1,2,16,'claimed',1795165920000,'n1.18','n1.17','dave','','{"folded":"dave","skeleton":"dave"}',NULL);
INSERT INTO "entries" VALUES(1,2,17,'attached',1795165920000,'n1.19','n1.17','','','{"token":"d51b5ef27b67c472d34c04b3e04d29d1f095b5b4cefbdbdab943cf591d888cbd"}',NULL);
INSERT INTO "entries" VALUES(1,2,21,'claimed',1795165920000,'n1.1f','n1.1e','eve','','{"folded":"eve","skeleton":"eve"}',NULL);
INSERT INTO "entries" VALUES(1,2,22,'attached',1795165920000,'n1.20','n1.1e','','','{"token":"86133eb77fbe6f735f06bf81f6bbc3354a5899f5b929f3c5a09899f884cad2b7"}',NULL);
INSERT INTO "entries" VALUES(1,2,39,'away',1795165920013,'n1.4c','n1.17','dave','lunch','{"rooms":["lobby","soup"]}',NULL);
INSERT INTO "entries" VALUES(1,2,40,'claimed',1795165920013,'n1.4e','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,41,'attached',1795165920013,'n1.4f','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,45,'released',1795165920013,'n1.56','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,46,'detached',1795165920013,'n1.57','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(1,2,48,'started',1795165920000,'n2.1','','','','{"kept":{"n1.17":["dave","dave","dave"],"n1.b":["bob","bob","bob"],"n1.11":["carol","carol","carol"],"n1.1e":["eve","eve","eve"],"n1.5":["alice","alice","allce"]},"devices":{"d51b5ef27b67c472d34c04b3e04d29d1f095b5b4cefbdbdab943cf591d888cbd":"n1.17","1c9835afc986f6f7e8d4eea447fa034d5e27c95ed370802b8de518476aab0de9":"n1.b","ece9724d3d5c7dfd08b2b8a0e3cf3338e7b54d4c6bb291933cf77ff3bf150747":"n1.11","86133eb77fbe6f735f06bf81f6bbc3354a5899f5b929f3c5a09899f884cad2b7":"n1.1e","18c223cb6d36448ac9dc5e0acd3cf01b8e1471f5778237839b26a02353337cf9":"n1.5"},"away":{"n1.17":"lunch"},"tables":{"Unicode":"14.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO "entries" VALUES(1,2,49,'claimed',1795165920000,'n2.6','n2.5','erin','','{"folded":"erin","skeleton":"erln"}',NULL);
INSERT INTO "entries" VALUES(1,2,50,'attached',1795165920000,'n2.7','n2.5','','','{"token":"f1a8fc2627b5d1bdac9f1f43c54dcde4722111423a1e880ff5a6a277bd1ccd33"}',NULL);
INSERT INTO "entries" VALUES(2,0,7,'said',1795165920007,'n1.3a','n1.5','alice','in the lobby','{"id":"r15"}','r15');
INSERT INTO "entries" VALUES(2,0,11,'said',1795165920013,'n1.53','n1.4d','removed-0fb9aeab','frank''s words','{"id":"r29"}','r29');
INSERT INTO "entries" VALUES(2,0,15,'said',1795165920000,'n2.b','n2.5','erin','after the second start','{"id":"r31"}','r31');
INSERT INTO "entries" VALUES(2,1,8,'announced',1795165920013,'n1.4b','n1.5','alice','tea is served','{"rooms":["lobby","tea","soup"]}',NULL);
INSERT INTO "entries" VALUES(2,2,1,'started',1795165920000,'n1.3','','','','{"kept":{}}',NULL);
INSERT INTO "entries" VALUES(2,2,2,'joined',1795165920000,'n1.8','n1.5','alice','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,3,'joined',1795165920000,'n1.e','n1.b','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,4,'joined',1795165920000,'n1.14','n1.11','carol','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,5,'joined',1795165920000,'n1.1a','n1.17','dave','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,6,'joined',1795165920000,'n1.21','n1.1e','eve','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,9,'away',1795165920013,'n1.4c','n1.17','dave','lunch','{"rooms":["lobby","soup"]}',NULL);
INSERT INTO "entries" VALUES(2,2,10,'joined',1795165920013,'n1.50','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,12,'left',1795165920013,'n1.55','n1.4d','removed-0fb9aeab','',NULL,NULL);
INSERT INTO "entries" VALUES(2,2,13,'started',1795165920000,'n2.2','','','','{"kept":{"n1.5":["alice","alice","allce"],"n1.b":["bob","bob","bob"],"n1.11":["carol","carol","carol"],"n1.17":["dave","dave","dave"],"n1.1e":["eve","eve","eve"]}}',NULL);
INSERT INTO "entries" VALUES(2,2,14,'joined',1795165920000,'n2.8','n2.5','erin','',NULL,NULL);
INSERT INTO "entries" VALUES(3,0,6,'said',1795165920006,'n1.2b','n1.b','bob','one, corrected','{"id":"r6","edited":true}','r6');
INSERT INTO "entries" VALUES(3,0,7,'edited',1795165920006,'n1.2c','n1.b','bob','one, corrected','{"eid":"n1.2b"}',NULL);
INSERT INTO "entries" VALUES(3,0,10,'said',1795165920006,'n1.2f','n1.b','bob','','{"id":"r8","removed":true}','r8');
INSERT INTO "entries" VALUES(3,0,13,'did',1795165920006,'n1.32','n1.11','carol','pours','{"id":"r10"}','r10');
INSERT INTO "entries" VALUES(3,0,14,'said',1795165920006,'n1.33','n1.11','carol','','{"id":"r11","removed":true}','r11');
INSERT INTO "entries" VALUES(3,1,4,'set',1795165920006,'n1.29','n1.5','alice','Green or black?','{"setting":"topic"}',NULL);
INSERT INTO "entries" VALUES(3,1,5,'role',1795165920006,'n1.2a','n1.5','alice','','{"whom":"n1.b","name":"bob","role":"moderator"}',NULL);
INSERT INTO "entries" VALUES(3,1,8,'changed',1795165920006,'n1.2d','n1.b','bob','','{"positions":["6"]}',NULL);
INSERT INTO "entries" VALUES(3,1,9,'erased',1795165920006,'n1.2e','','','','{"position":"8"}',NULL);
INSERT INTO "entries" VALUES(3,1,11,'deleted',1795165920006,'n1.30','n1.b','bob','','{"whom":"n1.b","name":"bob","eids":["n1.2f"],"positions":["10"]}',NULL);
INSERT INTO "entries" VALUES(3,1,12,'erased',1795165920006,'n1.31','','','','{"position":"11"}',NULL);
INSERT INTO "entries" VALUES(3,1,15,'deleted',1795165920006,'n1.34','n1.b','bob','','{"whom":"n1.11","name":"carol","eids":["n1.33"],"positions":["14"]}',NULL);
INSERT INTO "entries" VALUES(3,1,16,'erased',1795165920006,'n1.35','','','','{"position":"15"}',NULL);
INSERT INTO "entries" VALUES(3,1,17,'banned',1795165920006,'n1.36','n1.b','bob','advertising','{"name":"carol","whom":"n1.11","account":"n1.11","until":1795770720006}',NULL);
INSERT INTO "entries" VALUES(3,1,19,'filter',1795165920007,'n1.39','n1.b','bob','','{"change":"add","filter":1,"pattern":"pills","action":"report"}',NULL);
INSERT INTO "entries" VALUES(3,1,20,'announced',1795165920013,'n1.4b','n1.5','alice','tea is served','{"rooms":["lobby","tea","soup"]}',NULL);
INSERT INTO "entries" VALUES(3,2,1,'joined',1795165920001,'n1.23','n1.5','alice','',NULL,NULL);
INSERT INTO "entries" VALUES(3,2,2,'joined',1795165920003,'n1.25','n1.b','bob','',NULL,NULL);
INSERT INTO "entries" VALUES(3,2,3,'joined',1795165920005,'n1.27','n1.11','carol','',NULL,NULL);
INSERT INTO "entries" VALUES(3,2,18,'parted',1795165920007,'n1.37','n1.11','carol','','{"put_out":true}',NULL);
INSERT INTO "entries" VALUES(3,2,21,'started',1795165920000,'n2.3','','','','{"kept":{"n1.5":["alice","alice","allce"],"n1.b":["bob","bob","bob"]}}',NULL);
INSERT INTO "entries" VALUES(4,0,1,'private',1795165920007,'n1.3b','n1.5','alice','in private','{"to":"bob","id":"r16"}','r16');
INSERT INTO "entries" VALUES(5,0,1,'private',1795165920007,'n1.3b','n1.5','alice','in private','{"to":"bob","id":"r16"}',NULL);
INSERT INTO "entries" VALUES(5,1,2,'invited',1795165920010,'n1.43','n1.17','dave','','{"whom":"n1.b","name":"bob","room":"soup"}',NULL);
INSERT INTO "entries" VALUES(6,1,2,'set',1795165920010,'n1.42','n1.17','dave','','{"setting":"private","value":true}',NULL);
INSERT INTO "entries" VALUES(6,1,3,'invited',1795165920010,'n1.43','n1.17','dave','','{"whom":"n1.b","name":"bob","room":"soup"}',NULL);
INSERT INTO "entries" VALUES(6,1,4,'announced',1795165920013,'n1.4b','n1.5','alice','tea is served','{"rooms":["lobby","tea","soup"]}',NULL);
INSERT INTO "entries" VALUES(6,2,1,'joined',1795165920009,'n1.40','n1.17','dave','',NULL,NULL);
INSERT INTO "entries" VALUES(6,2,5,'away',1795165920013,'n1.4c','n1.17','dave','lunch','{"rooms":["lobby","soup"]}',NULL);
INSERT INTO "entries" VALUES(6,2,6,'started',1795165920000,'n2.4','','','','{"kept":{"n1.17":["dave","dave","dave"]}}',NULL);
CREATE TABLE logs (
    id       INTEGER PRIMARY KEY,         -- stands for the name in `entries`
    name     TEXT    NOT NULL UNIQUE,     -- '#lobby', 'server', ...
    deleted  INTEGER NOT NULL DEFAULT 0   -- the highest position of a deleted entry: no position is given twice
);
INSERT INTO "logs" VALUES(1,'server',0);
INSERT INTO "logs" VALUES(2,'#lobby',0);
INSERT INTO "logs" VALUES(3,'#tea',0);
INSERT INTO "logs" VALUES(4,'@n1.5',0);
INSERT INTO "logs" VALUES(5,'@n1.b',0);
INSERT INTO "logs" VALUES(6,'#soup',0);
INSERT INTO "logs" VALUES(7,'#gone',3);
CREATE UNIQUE INDEX entries_sent ON entries (by, id) WHERE id IS NOT NULL;
CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    UPDATE logs SET deleted = max(deleted, OLD.position) WHERE id = OLD.log;
END;
PRAGMA application_id = 1667785076;
PRAGMA user_version = 3;
