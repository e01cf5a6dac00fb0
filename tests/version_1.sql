-- What a server of the last version before accounts left behind (commit 9c64a0e), when it was killed: alice (n1.2) and bob, who
-- is rob by then (n1.5), were here before its second start, then carol (n2.2) came, rob left, and dave (n2.8) came by telnet.
-- They come back with 7e6927ebb26b8bea08964541400d9a3d (alice) and 06cb7e56b67dc15e8b60f4eaeb750e2a (carol), and rob, were he
-- still here, with dc375bdee7635fd6e556e4e3bab60ddd; of each there is the SHA-256.
CREATE TABLE logs (
    id       INTEGER PRIMARY KEY,         -- stands for the name in `entries`
    name     TEXT    NOT NULL UNIQUE,     -- '#lobby', 'server', ...
    deleted  INTEGER NOT NULL DEFAULT 0   -- the highest position of a deleted entry: no position is given twice
);
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
CREATE UNIQUE INDEX entries_sent ON entries (by, id) WHERE id IS NOT NULL;
CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    UPDATE logs SET deleted = max(deleted, OLD.position) WHERE id = OLD.log;
END;
INSERT INTO logs VALUES(1,'server',0);
INSERT INTO logs VALUES(2,'#lobby',0);
INSERT INTO entries VALUES(1,2,1,'started',1795165920000,'n1.1','','','','{"kept":{},"tables":{"Unicode":"13.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO entries VALUES(1,2,2,'claimed',1795165920000,'n1.4','n1.2','alice','','{"folded":"alice","skeleton":"allce","token":"a58dc1a18617eaa1b82295086953bceb9edf640fa92102d5a602a5ca262cdce7"}',NULL);
INSERT INTO entries VALUES(1,2,3,'claimed',1795165920000,'n1.7','n1.5','bob','','{"folded":"bob","skeleton":"bob","token":"9f5332ec6147e73a602cf7bd8203f71b53c651d33918d677b9330d3a5aa3b91d"}',NULL);
INSERT INTO entries VALUES(1,2,4,'released',1795165920000,'n1.b','n1.5','bob','','{"folded":"bob","skeleton":"bob"}',NULL);
INSERT INTO entries VALUES(1,2,5,'claimed',1795165920000,'n1.c','n1.5','rob','','{"folded":"rob","skeleton":"rob","token":"9f5332ec6147e73a602cf7bd8203f71b53c651d33918d677b9330d3a5aa3b91d"}',NULL);
INSERT INTO entries VALUES(1,2,6,'started',1795165920000,'n2.1','','','','{"kept":{"n1.2":["alice","alice","allce","a58dc1a18617eaa1b82295086953bceb9edf640fa92102d5a602a5ca262cdce7"],"n1.5":["rob","rob","rob","9f5332ec6147e73a602cf7bd8203f71b53c651d33918d677b9330d3a5aa3b91d"]},"tables":{"Unicode":"13.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO entries VALUES(1,2,7,'claimed',1795165920000,'n2.4','n2.2','carol','','{"folded":"carol","skeleton":"carol","token":"36752e43151940ef31040c8b73e781e7d7bffe87fbb58cc8c07728bbe12fb3f6"}',NULL);
INSERT INTO entries VALUES(1,2,8,'released',1795165920000,'n2.7','n1.5','rob','','{"folded":"rob","skeleton":"rob"}',NULL);
INSERT INTO entries VALUES(1,2,9,'claimed',1795165920000,'n2.a','n2.8','dave','','{"folded":"dave","skeleton":"dave"}',NULL);
INSERT INTO entries VALUES(2,0,4,'said',1795165920000,'n1.8','n1.2','alice','one',NULL,NULL);
INSERT INTO entries VALUES(2,0,5,'said',1795165920000,'n1.9','n1.5','bob','two',NULL,NULL);
INSERT INTO entries VALUES(2,0,9,'said',1795165920000,'n2.5','n2.2','carol','three',NULL,NULL);
INSERT INTO entries VALUES(2,2,1,'started',1795165920000,'n1.1','','','','{"kept":{},"tables":{"Unicode":"13.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO entries VALUES(2,2,2,'joined',1795165920000,'n1.3','n1.2','alice','',NULL,NULL);
INSERT INTO entries VALUES(2,2,3,'joined',1795165920000,'n1.6','n1.5','bob','',NULL,NULL);
INSERT INTO entries VALUES(2,2,6,'renamed',1795165920000,'n1.a','n1.5','bob','','{"new":"rob"}',NULL);
INSERT INTO entries VALUES(2,2,7,'started',1795165920000,'n2.1','','','','{"kept":{"n1.2":["alice","alice","allce","a58dc1a18617eaa1b82295086953bceb9edf640fa92102d5a602a5ca262cdce7"],"n1.5":["rob","rob","rob","9f5332ec6147e73a602cf7bd8203f71b53c651d33918d677b9330d3a5aa3b91d"]},"tables":{"Unicode":"13.0.0","confusables":"3.3.1"}}',NULL);
INSERT INTO entries VALUES(2,2,8,'joined',1795165920000,'n2.3','n2.2','carol','',NULL,NULL);
INSERT INTO entries VALUES(2,2,10,'left',1795165920000,'n2.6','n1.5','rob','',NULL,NULL);
INSERT INTO entries VALUES(2,2,11,'joined',1795165920000,'n2.9','n2.8','dave','',NULL,NULL);
PRAGMA application_id = 1667785076;
PRAGMA user_version = 1;
