BEGIN TRANSACTION;
CREATE TABLE attempts (
    id              INTEGER PRIMARY KEY,
    started         TEXT NOT NULL,
    image_path      TEXT NOT NULL,
    image_sha256    TEXT NOT NULL,
    image_bytes     INTEGER NOT NULL,
    board           TEXT NOT NULL,
    version         TEXT NOT NULL,
    device_path     TEXT NOT NULL,
    device_model    TEXT NOT NULL,
    device_serial   TEXT NOT NULL,
    device_by_id    TEXT NOT NULL,
    device_bytes    INTEGER NOT NULL,
    fingerprint     TEXT,
    enrolment_id    TEXT,
    secret          BLOB
) STRICT;
INSERT INTO "attempts" VALUES(1,'2026-05-01T12:00:00+00:00','/images/rpi4.img.zst','abababababababababababababababababababababababababababababababab',1073741824,'rpi4','0.1.0','/dev/sdb','Generic Reader','0001','/dev/disk/by-id/usb-Generic_Reader_0001-0:0',34359738368,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=','aaaaaaaaaaaaaaaa',X'6161616161616161616161616161616161616161616161616161616161616161');
INSERT INTO "attempts" VALUES(2,'2026-05-01T12:00:00+00:00','/images/rpi4.img.zst','abababababababababababababababababababababababababababababababab',1073741824,'rpi4','0.1.0','/dev/sdb','Generic Reader','0001','/dev/disk/by-id/usb-Generic_Reader_0001-0:0',34359738368,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb=','bbbbbbbbbbbbbbbb',X'6262626262626262626262626262626262626262626262626262626262626262');
INSERT INTO "attempts" VALUES(3,'2026-05-01T12:00:00+00:00','/images/rpi4.img.zst','abababababababababababababababababababababababababababababababab',1073741824,'rpi4','0.1.0','/dev/sdb','Generic Reader','0001','/dev/disk/by-id/usb-Generic_Reader_0001-0:0',34359738368,'ccccccccccccccccccccccccccccccccccccccccccc=','cccccccccccccccc',X'6363636363636363636363636363636363636363636363636363636363636363');
CREATE TABLE outcomes (
    attempt         INTEGER PRIMARY KEY REFERENCES attempts (id),
    ended           TEXT NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('written', 'failed', 'stopped')),
    error           TEXT NOT NULL,
    written_bytes   INTEGER NOT NULL,
    seconds         REAL NOT NULL
) STRICT;
INSERT INTO "outcomes" VALUES(1,'2026-05-01T12:01:00+00:00','failed','/dev/sdb: input/output error at byte 4096',0,60.0);
INSERT INTO "outcomes" VALUES(2,'2026-05-01T12:05:00+00:00','written','',1073741824,61.5);
CREATE UNIQUE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE UNIQUE INDEX attempts_by_enrolment ON attempts (enrolment_id);
CREATE TRIGGER attempts_keeps_rows BEFORE DELETE ON attempts
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
CREATE TRIGGER attempts_keeps_values BEFORE UPDATE ON attempts
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
CREATE TRIGGER outcomes_keeps_rows BEFORE DELETE ON outcomes
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
CREATE TRIGGER outcomes_keeps_values BEFORE UPDATE ON outcomes
    BEGIN SELECT raise(ABORT, 'card records are append-only'); END;
COMMIT;
PRAGMA user_version = 1;
